"""Each question put to a model: its method called with what a form says, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from harmonium.apps import answering
from harmonium.apps.serve import forms
from harmonium.data.kind import Kind
from harmonium.data.kinds import Rows
from harmonium.data.plain import values_of
from harmonium.questions.sequences.frames import family_of

__all__ = ["QUESTIONS", "Answer", "Question", "answered_by", "joint_size"]


@dataclass(frozen=True)
class Answer:
    """What is told: `data` of a `kind`, or `columns` by name; and `facts` beside them. `flat` are
    the columns of a table, where those of JSON are no such."""

    data: Any = None
    kind: Kind | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    flat: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        told: dict[str, Any] = {} if self.kind is None else {"data": self.kind.give(self.data)}
        for name, column in self.columns.items():
            told[name] = values_of(column) if isinstance(column, np.ndarray) else column
        return told | self.facts

    def table(self) -> Any:
        """As an Arrow table; the facts are left to JSON."""
        import pyarrow as pa

        if self.kind is not None:
            return self.kind.give_table(self.data)
        if self.flat is not None:
            nulls = {name: pa.array(own, from_pandas=True) for name, own in self.flat.items()}
            return pa.table(nulls)
        flat: dict[str, Any] = {}
        for name, column in self.columns.items():
            if np.ndim(column) == 2:
                names = self.facts.get("classes", self.facts.get("attributes", ()))
                for one, own in zip(names, np.asarray(column).T, strict=True):
                    flat[f"P({one})"] = own
            else:
                flat[name] = column
        return pa.table(flat)


@dataclass(frozen=True)
class Question:
    """How a question is answered.

    Attributes
    ----------
    methods : one of which a model must have.
    work : the costly part, ``(model, kind, data, form)``: what it makes has an item a row where
        questions may be answered together.
    tell : what is told of a row's items, ``(model, kind, data, made, form)``.
    together : whether this form may be answered together with others like it; None: none may.
    """

    methods: tuple[str, ...]
    work: Callable[[Any, Kind, Any, Any], Any]
    tell: Callable[[Any, Kind, Any, Any, Any], Answer]
    together: Callable[[Any], bool] | None = None


def _score(model: Any, kind: Kind, data: Any, form: forms.Score) -> Any:
    speaker = answering.likelihood_of(model)
    asked = answering.applying(speaker, "score_samples", {"resolution": form.resolution})
    return speaker.score_samples(data, **asked)


def _tell_scores(model: Any, kind: Kind, data: Any, made: Any, form: forms.Score) -> Answer:
    facts: dict[str, Any] = {"mean": _plain(np.mean(made)) if len(made) else None}
    if form.perplexity:
        facts["perplexity"] = float(answering.question(model, "perplexity")(data))
        facts["unknown_share"] = float(model.unknown_share(data))
    if hasattr(model, "log_partition"):
        log_z = model.log_partition()
        facts["log_z"] = {
            "value": _plain(log_z.value),
            "std_error": _plain(log_z.std_error),
            "method": log_z.method,
            "status": log_z.status,
        }
    return Answer(columns={"log_p": np.asarray(made)}, facts=facts)


def _plain(number: Any) -> Any:
    return values_of(np.asarray(number, dtype=np.float64))


def _classify(model: Any, kind: Kind, data: Any, form: forms.Classify) -> Any:
    if form.column is not None:
        from harmonium.questions.cells import column_proba

        classes = answering.column_classes(model, form.column, "column")
        return [], classes, column_proba(model, data, form.column)
    names, classes = answering.classes_of(model, type(model).__name__)
    chances = model.attribute_proba(data) if names else model.predict_proba(data)
    return names, classes, chances


def _tell_classes(model: Any, kind: Kind, data: Any, made: Any, form: Any) -> Answer:
    names, classes, chances = made
    if not len(classes):
        return Answer(columns={"p": np.asarray(chances)}, facts={"attributes": names})
    known = [one.item() if isinstance(one, np.generic) else one for one in classes]
    said = [known[k] for k in np.argmax(chances, axis=1)]
    return Answer(columns={"label": said, "p": np.asarray(chances)}, facts={"classes": known})


def _sample(model: Any, kind: Kind, data: Any, form: forms.Sample) -> Any:
    options = form.model_dump(exclude={"n", "seed", "length", "condition", "evidence", "shape"})
    options["random_state"] = form.seed
    options["length"] = answering.read_length(form.length, "length")
    options["condition"] = _condition(kind, form.condition)
    options["shape"] = None if form.shape is None else tuple(form.shape)
    options["evidence"] = form.evidence
    asked = answering.applying(model, "sample", options, _written)
    if form.evidence is not None:
        asked["evidence"] = answering.evidence_of(model, form.evidence, "evidence")
    return answering.drawn(model, kind.what, form.n, asked)


def _condition(kind: Kind, said: Any) -> Any:
    """What is known, as models take it: ranges as pairs, a row as a row."""
    if isinstance(said, list):
        return kind.take([said])[0]
    if not isinstance(said, dict):
        return said
    known = {}
    for name, value in said.items():
        if isinstance(value, dict):
            if set(value) != {"low", "high"}:
                raise ValueError(f'condition: {name!r} wants {{"low":, "high":}} as a range')
            value = (value["low"], value["high"])
        known[name] = value
    return known


def _complete(model: Any, kind: Kind, data: Any, form: forms.Complete) -> Any:
    options = form.model_dump(exclude={"data", "how", "seed", "length"})
    options["length"] = answering.read_length(form.length, "length")
    options["random_state"] = form.seed
    asked = answering.applying(model, "complete", options, _written)
    return model.complete(data, how=form.how, **asked)


def _correct(model: Any, kind: Kind, data: Any, form: forms.Correct) -> Any:
    asked = answering.applying(model, "correct", {"random_state": form.seed}, _written)
    channel = answering.read_channel(form.noise, "noise")
    how = answering.how_to_correct(form.how, kind.what)
    return model.correct(data, noise=channel, how=how, **asked)


def _odd(model: Any, kind: Kind, data: Any, form: forms.Odd) -> Any:
    figures = answering.judged(model, data)
    scores = next(iter(figures.values()))
    order, _, cells = answering.oddest(model, kind, data, scores, form.n or len(scores))
    chosen = {"log_p" if name == "log P" else name: own[order] for name, own in figures.items()}
    return order + 1, chosen, cells


def _tell_odd(model: Any, kind: Kind, data: Any, made: Any, form: Any) -> Answer:
    rows, figures, cells = made
    facts = {"cells": {name: values_of(own) for name, own in cells.items()}} if cells else {}
    columns = {"row": rows, **figures}
    flat = columns | {f"log P({name} | rest)": own for name, own in cells.items()}
    return Answer(columns=columns, facts=facts, flat=flat)


def _marginals(model: Any, kind: Kind, data: Any, form: forms.Marginals) -> Any:
    known = answering.evidence_of(model, form.evidence, "evidence")
    options = {"method": form.method, "random_state": form.seed}
    if form.variables is None:
        return model.marginals(known, **answering.applying(model, "marginals", options, _written))
    answering.applying(model, "marginal", options, _written)
    named = dict.fromkeys(form.variables, 0)
    return model.marginal(list(answering.evidence_of(model, named, "variables")), known)


def _tell_marginals(model: Any, kind: Kind, data: Any, made: Any, form: forms.Marginals) -> Answer:
    """Each variable's own by its name, or the joint one, with an axis a variable."""
    if form.variables is None:
        told = {str(name): np.asarray(own) for name, own in made.items()}
        flat = {
            "variable": [name for name, own in told.items() for _ in own],
            "state": [state for own in told.values() for state in range(len(own))],
            "P": np.concatenate(list(told.values())),
        }
        shown = {name: values_of(own) for name, own in told.items()}
        facts = {"marginals": shown, "method": made.method, "status": made.status}
        return Answer(facts=facts, flat=flat)
    joint = np.asarray(made)
    states = np.indices(joint.shape).reshape(joint.ndim, -1)
    names = list(dict.fromkeys(form.variables))
    flat = dict(zip(names, states, strict=True)) | {"P": joint.ravel()}
    return Answer(columns={"p": joint}, facts={"variables": names}, flat=flat)


def _contacts(model: Any, kind: Kind, data: Any, form: forms.Contacts) -> Any:
    from harmonium.questions.sequences.contacts import numbered, scored_pairs

    seed = form.seed or 0
    found = scored_pairs(model, None, gap="auto", correct=True, random_state=seed)
    i, j, score = numbered(model, *found, form.numbering)
    far = np.flatnonzero(abs(i - j) >= form.separation)[: form.n]
    return i[far], j[far], score[far]


def _tell_contacts(model: Any, kind: Kind, data: Any, made: Any, form: Any) -> Answer:
    return Answer(columns=dict(zip(("i", "j", "score"), made, strict=True)))


def _tell_data(model: Any, kind: Kind, data: Any, made: Any, form: Any) -> Answer:
    return Answer(made, kind)


def _tell_hidden(model: Any, kind: Kind, data: Any, made: Any, form: Any) -> Answer:
    return Answer(made, Rows())


def _written(key: str) -> str:
    return "seed" if key == "random_state" else key


#: By name; what `decode` takes are rows of hidden units, whatever the model's kind.
QUESTIONS: dict[str, Question] = {
    "score": Question(
        ("score_samples",), _score, _tell_scores, together=lambda form: not form.perplexity
    ),
    "classify": Question(
        ("predict_proba", "attribute_proba", "cell_marginals"), _classify, _tell_classes
    ),
    "sample": Question(("sample",), _sample, _tell_data),
    "complete": Question(
        ("complete",), _complete, _tell_data, together=lambda form: form.seed is None
    ),
    "correct": Question(("correct",), _correct, _tell_data),
    "encode": Question(
        ("transform",),
        lambda model, kind, data, form: model.transform(data),
        _tell_hidden,
        together=lambda form: True,
    ),
    "decode": Question(
        ("inverse_transform",),
        lambda model, kind, data, form: model.inverse_transform(data),
        _tell_data,
    ),
    "odd": Question(("score_samples",), _odd, _tell_odd),
    "marginals": Question(("marginals",), _marginals, _tell_marginals),
    "contacts": Question(("couplings_", "effective_couplings"), _contacts, _tell_contacts),
}


def answered_by(model: Any) -> list[str]:
    """Names of the questions that a fitted model answers."""
    found = []
    for name, question in QUESTIONS.items():
        able = any(hasattr(model, method) for method in question.methods)
        if name == "classify":
            able = able and _tells_classes(model)
        if name == "encode":  # a scaler's transform is none
            able = able and hasattr(model, "inverse_transform")
        if name == "contacts":  # of pixels or of a table's columns there are none
            able = able and (hasattr(model, "couplings_") or family_of(model) is not None)
        if able:
            found.append(name)
    return found


def joint_size(model: Any, variables: Sequence[str]) -> int:
    """How many states those variables of a network have together; unknown ones count as one."""
    known = dict(zip(map(str, model.variables_), model.n_states_, strict=True))
    return prod(known.get(name, 1) for name in set(variables))


def _tells_classes(model: Any) -> bool:
    if len(getattr(model, "attributes_", ())) or len(getattr(model, "classes_", ())):
        return True
    schema = getattr(model, "schema_", None)
    named = hasattr(model, "feature_names_in_") and getattr(schema, "family", None) is None
    return bool(
        schema is not None and named and any(not column.is_number for column in schema.columns)
    )
