"""One of two labels."""

from __future__ import annotations

from typing import Any

from harmonium.data.columns.labels import Labels

__all__ = ["Bernoulli"]


class Bernoulli(Labels):
    """Yes or no: exactly two labels, the second is state 1."""

    kind = "bernoulli"
    ordered = False

    def __init__(self, name: str, categories: list[Any]) -> None:
        super().__init__(name, categories)
        if self.n_states != 2:
            raise ValueError(
                f"column {name!r} has {self.n_states} values; kind 'bernoulli' wants exactly two"
            )
