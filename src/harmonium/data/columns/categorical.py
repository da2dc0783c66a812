"""Labels without order."""

from __future__ import annotations

from harmonium.data.columns.labels import Labels

__all__ = ["Categorical"]


class Categorical(Labels):
    """One of several labels."""

    kind = "categorical"
    ordered = False
