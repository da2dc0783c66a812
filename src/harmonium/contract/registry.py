"""Every model that harmonium knows, a row each: files, reports, commands and names read it here.

Plain data: rooms are named, never imported, so that the ground floor knows of the upper ones by
their address alone. A new model is known everywhere once its row stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["MODELS", "Entry", "Form", "by_command", "by_name", "entry_of"]


@dataclass(frozen=True)
class Form:
    """A file format of the field that holds a model whole.

    `ending` is that of the path, `read` the class method that reads it, `write` the method
    that writes it.
    """

    ending: str
    read: str
    write: str


@dataclass(frozen=True)
class Entry:
    """What is to be known of a model before its module is loaded.

    Attributes
    ----------
    name : the class, and its name under ``harmonium``.
    home : the module that holds the class, below ``harmonium``.
    data : a key of :data:`harmonium.data.kinds.KINDS`, the rows that it takes; None for a
        question over other models, which takes what those take.
    command : what ``--model`` calls it; None where the command line does not fit it by name.
    help : one line for the command line.
    title : heading of its report.
    report : the module below ``harmonium`` whose ``describe`` writes its report, or None.
    structure : the class method that makes the model to be fitted from a file, or None where
        the constructor's parameters say everything.
    attributes : whether its ``fit(X, y)`` learns labels or attributes beside the rows.
    frames : whether it takes frames too, of columns of any kinds.
    settings : names of its constructor's parameters that are told as words.
    forms : other files than harmonium's own that hold it.
    """

    name: str
    home: str
    data: str | None
    command: str | None = None
    help: str = ""
    title: str = ""
    report: str | None = None
    structure: str | None = None
    attributes: bool = False
    frames: bool = False
    settings: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()

    def load(self) -> Any:
        """The class itself."""
        return getattr(import_module(f"harmonium.{self.home}"), self.name)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MODELS: tuple[Entry, ...] = (
    Entry(
        name="RBM",
        home="models.rbm.model",
        data="rows",
        command="rbm",
        help="a restricted Boltzmann machine: rows of 0 and 1, tables of any columns",
        title="A restricted Boltzmann machine",
        report="apps.report.rbm",
        attributes=True,
        frames=True,
        settings=_names(
            "n_components visible hidden missing learner n_updates batch_size learning_rate "
            "n_chains n_gibbs centered weight_decay smoothing discriminative temperature "
            "validation_fraction checkpoint time_limit device precision random_state verbose"
        ),
    ),
    Entry(
        name="NGram",
        home="models.ngram.model",
        data="texts",
        command="ngram",
        help="a chain of words: texts",
        title="A chain of words",
        report="apps.report.ngram",
        forms=(
            Form(".arpa", "from_arpa", "to_arpa"),
            Form(".arpa.gz", "from_arpa", "to_arpa"),
        ),
        settings=_names(
            "order smoothing tokenizer lowercase k min_count vocabulary engine verbose"
        ),
    ),
    Entry(
        name="GridMRF",
        home="models.grid.model",
        data="images",
        command="grid",
        help="a grid of pixels: images",
        title="A grid of pixels",
        report="apps.report.grid",
        settings=_names(
            "n_levels n_coarse level_shares neighbours potential places learner n_updates n_chains "
            "learning_rate n_gibbs patch_size n_patches n_patch_kinds validation_fraction "
            "checkpoint time_limit device random_state verbose"
        ),
    ),
    Entry(
        name="MarkovNetwork",
        home="models.network.model",
        data="rows",
        command="network",
        help="a Markov network: rows of states, for the factors of --structure",
        title="A Markov network",
        report="apps.report.network",
        structure="read_uai",
        forms=(Form(".uai", "read_uai", "to_uai"),),
        settings=_names(
            "learner weight_decay max_iter tol max_memory validation_fraction checkpoint "
            "time_limit device random_state verbose"
        ),
    ),
    Entry(
        name="BoltzmannMachine",
        home="models.boltzmann.model",
        data="rows",
        command="boltzmann",
        help="a Boltzmann machine: rows of states, any pairs of which are coupled",
        title="A Boltzmann machine",
        report="apps.report.boltzmann",
        frames=True,
        settings=_names(
            "visible graph n_components missing learner gauge n_updates batch_size "
            "learning_rate n_chains n_gibbs weight_decay temperature validation_fraction "
            "checkpoint time_limit device random_state verbose"
        ),
    ),
    Entry(name="BayesClassifier", home="questions.classify", data=None),
    Entry(name="NoveltyDetector", home="questions.novelty", data=None),
    Entry(name="Imputer", home="questions.imputer", data=None),
)


def by_name(name: str) -> Entry | None:
    """The row of a class's name."""
    return next((entry for entry in MODELS if entry.name == name), None)


def by_command(word: str, option: str = "--model") -> Entry:
    """The row that ``--model`` means; ``ValueError`` lists the words there are."""
    for entry in MODELS:
        if entry.command == word:
            return entry
    words = ", ".join(repr(entry.command) for entry in MODELS if entry.command is not None)
    raise ValueError(f"{option} must be one of {words}, got {word!r}")


def entry_of(model: Any) -> Entry:
    """The row of a model, or of the class that it inherits from."""
    for cls in type(model).__mro__:
        entry = by_name(cls.__name__)
        if entry is not None:
            return entry
    names = ", ".join(entry.name for entry in MODELS)
    raise TypeError(f"model must be one of {names}, got {type(model).__name__}")
