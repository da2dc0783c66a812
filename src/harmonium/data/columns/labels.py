"""What columns of labels share: a state a label."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns.base import Array, Column, check_unknown

__all__ = ["MOST_CATEGORIES", "Labels"]

#: A softmax group of more states learns little and costs much.
MOST_CATEGORIES = 1_000


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class Labels(Column):
    """A state a label; subclasses say what kind the labels are."""

    is_number = False

    def __init__(self, name: str, categories: list[Any]) -> None:
        super().__init__(name)
        self.categories = [_plain(one) for one in categories]
        self._state = {one: k for k, one in enumerate(self.categories)}
        if len(self._state) < len(self.categories):
            raise ValueError(f"column {name!r}: categories must differ, got {self.categories}")
        if not 1 <= len(self.categories) <= MOST_CATEGORIES:
            raise ValueError(
                f"column {name!r} has {len(self.categories)} categories; wanted 1 to "
                f"{MOST_CATEGORIES}: put rare ones together, or leave it out as 'identifier'"
            )

    @property
    def n_states(self) -> int:
        return len(self.categories)

    def states(self, values: NDArray[Any], handle_unknown: str = "error") -> Array:
        check_unknown(handle_unknown)
        get = self._state.get
        states = np.fromiter(
            (
                np.nan if one is None or one != one else get(one, -1)
                for one in np.asarray(values).tolist()
            ),
            dtype=np.float64,
            count=len(values),
        )
        unknown = states == -1
        if unknown.any():
            if handle_unknown == "error":
                row = int(np.flatnonzero(unknown)[0])
                raise ValueError(
                    f"column {self.name!r}, row {row} is {_plain(values[row])!r}, a category "
                    "never met; wanted one that was. To count such as missing, fit with "
                    'visible=hm.Schema.infer(frame, handle_unknown="missing"), or set '
                    'model.schema_.handle_unknown = "missing"'
                )
            states[unknown] = np.nan
        return states

    def values(
        self, states: Array, generator: np.random.Generator | None = None, within: Any = None
    ) -> NDArray[Any]:
        table = np.empty(self.n_states + 1, dtype=object)
        table[:-1] = self.categories
        gone = np.isnan(states)
        return table[np.where(gone, self.n_states, states).astype(np.int64)]

    def allowed(self, condition: Any) -> tuple[Array, Any]:
        chosen = self._chosen(condition)
        unknown = [one for one in chosen if one not in self._state]
        if unknown:
            raise ValueError(
                f"condition: column {self.name!r} never was {unknown[0]!r}; wanted some of "
                f"{self.categories[:10]}"
            )
        if not chosen:
            raise ValueError(f"condition: column {self.name!r} allows nothing, got {condition!r}")
        weights = np.full(self.n_states, -np.inf)
        weights[[self._state[one] for one in chosen]] = 0.0
        return weights, list(chosen)

    def _chosen(self, condition: Any) -> list[Any]:
        """The labels that `condition` names."""
        many = isinstance(condition, list | set | frozenset | tuple | np.ndarray)
        return [_plain(one) for one in condition] if many else [_plain(condition)]

    def facts(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "categories": self.categories}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        categories = facts.get("categories")
        if not isinstance(categories, list) or not all(
            isinstance(one, str | int | float | bool) for one in categories
        ):
            raise ValueError(f"column {facts.get('name')!r}: categories must be a list of labels")
        return cls(str(facts["name"]), categories)

    def describe(self) -> str:
        shown = ", ".join(map(str, self.categories[:6]))
        return shown + (f", ... ({self.n_states})" if self.n_states > 6 else "")
