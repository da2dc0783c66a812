"""harmonium: learn a joint probability distribution, then ask it anything.

The names below are the whole public interface; each is imported when first used, so that
``import harmonium`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BayesClassifier": "classify",
    "EnergyModel": "energy_model",
    "Estimate": "expectations",
    "Factor": "network",
    "GridMRF": "grid",
    "JointDistribution": "joint",
    "LogZ": "partition",
    "MarkovNetwork": "network",
    "ModelFileError": "storage",
    "NGram": "ngram",
    "NoveltyDetector": "classify",
    "TextFile": "ngram",
    "RBM": "rbm",
    "expectation": "expectations",
    "load": "storage",
}
_MODULES = ("latents", "noise", "trajectory_tempering")

__all__ = sorted([*_HOME, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"harmonium.{name}")
    if name in _HOME:
        # Kept in the namespace afterwards: `hm.expectation` is the function, not its module.
        value = getattr(import_module(f"harmonium.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
