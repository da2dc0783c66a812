"""Words that questions take, as type checkers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["HOW", "ColumnKinds", "How"]

#: How blanks are filled: the most probable filling, the mean, a draw.
How: TypeAlias = Literal["mode", "mean", "sample"]
HOW: tuple[str, ...] = get_args(How)
#: What columns are: looked at, one kind for all, or kinds and categories by column; a Schema is a
#: mapping to type checkers.
ColumnKinds: TypeAlias = (
    Literal[
        "auto",
        "bernoulli",
        "categorical",
        "ordinal",
        "count",
        "quantile",
        "gaussian",
        "identifier",
    ]
    | Mapping[str, Any]
)
