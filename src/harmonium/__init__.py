"""harmonium: learn a joint probability distribution, then ask it anything.

The names below are the whole public interface; each is imported when first used, so that
``import harmonium`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers, which do not run __getattr__
    from harmonium import latents, noise, trajectory_tempering
    from harmonium.classify import BayesClassifier, NoveltyDetector
    from harmonium.energy_model import EnergyModel
    from harmonium.expectations import Estimate, expectation
    from harmonium.grid import GridMRF
    from harmonium.joint import JointDistribution
    from harmonium.network import Factor, MarkovNetwork
    from harmonium.ngram import NGram, TextFile
    from harmonium.partition import LogZ
    from harmonium.rbm import RBM
    from harmonium.storage import ModelFileError, load

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

__all__ = [
    "RBM",
    "BayesClassifier",
    "EnergyModel",
    "Estimate",
    "Factor",
    "GridMRF",
    "JointDistribution",
    "LogZ",
    "MarkovNetwork",
    "ModelFileError",
    "NGram",
    "NoveltyDetector",
    "TextFile",
    "__version__",
    "expectation",
    "latents",
    "load",
    "noise",
    "trajectory_tempering",
]


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
