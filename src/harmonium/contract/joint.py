"""The contract: a joint distribution and the questions one can put to it.

numpy in, numpy out, scikit-learn manners. Models differ only in how P(x) factorises.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from harmonium.contract.words import How

__all__ = ["JointDistribution"]


class JointDistribution(BaseEstimator, ABC):
    """A learned P(x), and every question about x answered with it.

    Parents of all models. Constructors only store; ``fit`` validates and learns attributes
    that end in ``_``. All log-quantities are in nats, normalised unless the name says energy.

    A model is stored as named arrays plus JSON facts (:meth:`to_state`); :mod:`.storage`
    turns the two into one file, so no model deals with files itself.
    """

    #: Version of the model's stored state; raise it when `to_state` changes meaning.
    state_version: ClassVar[int] = 1
    #: What stored arrays may hold beside finite numbers: ``-inf``, the logarithm of what is
    #: impossible, or ``nan``, where the model knows a number to be absent.
    may_hold: ClassVar[frozenset[float]] = frozenset()

    @abstractmethod
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn P(x) from the rows of `X`; returns ``self``."""

    @abstractmethod
    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats, normalised, for each row: shape ``(n_samples,)``."""

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of :meth:`score_samples` over the rows, in nats."""
        return float(np.mean(self.score_samples(X)))

    @abstractmethod
    def sample(self, n_samples: int = 1, *, condition: Any = None, random_state: Any = None) -> Any:
        """Draws from P, or from P(free given the rest) of one row `condition` with blanks."""

    @abstractmethod
    def complete(self, X: Any, *, how: How = "mode", random_state: Any = None) -> Any:
        """`X` with its blanks filled: ``"mode"``, ``"mean"`` or ``"sample"``."""

    @abstractmethod
    def correct(self, X: Any, *, noise: Any, how: How = "mode", random_state: Any = None) -> Any:
        """The clean x behind each noisy row, under P(x given noisy x)."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What was learned, for people: values by names in plain words, units in the names.

        The command line prints it, reports and servers show it. Values are JSON-able: text,
        finite numbers, None, lists, mappings by text. Nothing costly is worked out for it, and
        what is not known is left out. Why a fit ended stands under ``"fit ended"``, a word of
        :class:`.stopping.StopReason`.
        """

    @abstractmethod
    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """What `fit` learned: arrays by name, and JSON-able facts."""

    @abstractmethod
    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        """The inverse of :meth:`to_state`; raises ``ValueError`` when they do not fit."""

    @abstractmethod
    def check_parameters(self) -> None:
        """Raise ``ValueError`` or ``TypeError`` unless `fit` could use the constructor's
        parameters; the message names the first bad one."""

    @classmethod
    def unfitted(cls, parameters: dict[str, Any]) -> Self:
        """An unfitted model with these constructor parameters, for `load` to fill.

        Constructors only store, so none is run: one that refuses what it is given may want
        parameters that come with the state.
        """
        known = inspect.signature(cls).parameters
        strange = sorted(set(parameters) - set(known))
        if strange:
            raise TypeError(f"{cls.__name__} has no parameter {strange[0]!r}")
        model = cls.__new__(cls)
        for name, parameter in known.items():
            if name in parameters or parameter.default is not parameter.empty:
                setattr(model, name, parameters.get(name, parameter.default))
        return model

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted model to one ``.safetensors`` file, atomically.

        ``harmonium.load(path)`` reads it back; loading never runs code.
        """
        from harmonium.contract.storage import save_model

        save_model(self, path)
