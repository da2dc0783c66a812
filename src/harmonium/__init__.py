"""harmonium: learn a joint probability distribution, then ask it anything.

The names below are the whole public interface; each is imported when first used, so that
``import harmonium`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harmonium.contract.registry import MODELS as _MODELS

if TYPE_CHECKING:  # for editors and type checkers, which do not run __getattr__
    from harmonium import display as display
    from harmonium import latents as latents
    from harmonium import noise as noise
    from harmonium import sequences as sequences
    from harmonium import trajectory_tempering as trajectory_tempering
    from harmonium.contract.estimates import Estimate as Estimate
    from harmonium.contract.estimates import LogZ as LogZ
    from harmonium.contract.joint import JointDistribution as JointDistribution
    from harmonium.contract.storage import ModelFileError as ModelFileError
    from harmonium.contract.storage import load as load
    from harmonium.data.schema import Schema as Schema
    from harmonium.data.sequences.alignment import Alignment as Alignment
    from harmonium.data.shards import Shards as Shards
    from harmonium.data.text_files import TextFile as TextFile
    from harmonium.models.boltzmann.model import BoltzmannMachine as BoltzmannMachine
    from harmonium.models.energy_model import EnergyModel as EnergyModel
    from harmonium.models.grid.model import GridMRF as GridMRF
    from harmonium.models.network.factor import Factor as Factor
    from harmonium.models.network.model import MarkovNetwork as MarkovNetwork
    from harmonium.models.ngram.model import NGram as NGram
    from harmonium.models.rbm.model import RBM as RBM
    from harmonium.questions.classify import BayesClassifier as BayesClassifier
    from harmonium.questions.expectation import expectation as expectation
    from harmonium.questions.imputer import Imputer as Imputer
    from harmonium.questions.missingness import compare_missing as compare_missing
    from harmonium.questions.novelty import NoveltyDetector as NoveltyDetector
    from harmonium.questions.pooling import pool as pool

__version__ = "0.1.0"

_HOME = {entry.name: entry.home for entry in _MODELS} | {
    "Alignment": "data.sequences.alignment",
    "EnergyModel": "models.energy_model",
    "Estimate": "contract.estimates",
    "Factor": "models.network.factor",
    "JointDistribution": "contract.joint",
    "LogZ": "contract.estimates",
    "ModelFileError": "contract.storage",
    "Schema": "data.schema",
    "Shards": "data.shards",
    "TextFile": "data.text_files",
    "expectation": "questions.expectation",
    "compare_missing": "questions.missingness",
    "load": "contract.storage",
    "pool": "questions.pooling",
}
_ROOMS = ("display", "latents", "noise", "sequences", "trajectory_tempering")

__all__ = sorted([*_HOME, *_ROOMS, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"harmonium.{name}")
    if name in _HOME:
        # Kept in the namespace afterwards: `hm.expectation` is the function, not its module.
        value = getattr(import_module(f"harmonium.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'harmonium' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
