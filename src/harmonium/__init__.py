"""harmonium: learn a joint probability distribution, then ask it anything.

The names below are the whole public interface; each is imported when first used, so that
``import harmonium`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers, which do not run __getattr__
    from harmonium.contract import noise
    from harmonium.contract.estimates import Estimate, LogZ
    from harmonium.contract.joint import JointDistribution
    from harmonium.contract.storage import ModelFileError, load
    from harmonium.data.texts import TextFile
    from harmonium.models.energy_model import EnergyModel
    from harmonium.models.grid.model import GridMRF
    from harmonium.models.network.factor import Factor
    from harmonium.models.network.model import MarkovNetwork
    from harmonium.models.ngram.model import NGram
    from harmonium.models.rbm.model import RBM
    from harmonium.questions import latents, trajectory_tempering
    from harmonium.questions.classify import BayesClassifier, NoveltyDetector
    from harmonium.questions.expectation import expectation

__version__ = "0.1.0"

_HOME = {
    "BayesClassifier": "questions.classify",
    "EnergyModel": "models.energy_model",
    "Estimate": "contract.estimates",
    "Factor": "models.network.model",
    "GridMRF": "models.grid.model",
    "JointDistribution": "contract.joint",
    "LogZ": "contract.estimates",
    "MarkovNetwork": "models.network.model",
    "ModelFileError": "contract.storage",
    "NGram": "models.ngram.model",
    "NoveltyDetector": "questions.classify",
    "TextFile": "data.texts",
    "RBM": "models.rbm.model",
    "expectation": "questions.expectation",
    "load": "contract.storage",
}
_MODULES = {
    "latents": "questions.latents",
    "noise": "contract.noise",
    "trajectory_tempering": "questions.trajectory_tempering",
}

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
        return import_module(f"harmonium.{_MODULES[name]}")
    if name in _HOME:
        # Kept in the namespace afterwards: `hm.expectation` is the function, not its module.
        value = getattr(import_module(f"harmonium.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
