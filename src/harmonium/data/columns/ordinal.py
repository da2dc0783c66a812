"""Labels in order."""

from __future__ import annotations

from typing import Any

from harmonium.data.columns.labels import Labels

__all__ = ["Ordinal"]


class Ordinal(Labels):
    """One of several levels, the lowest first; a condition ``(low, high)`` is a range of them."""

    kind = "ordinal"
    ordered = True

    def _chosen(self, condition: Any) -> list[Any]:
        if isinstance(condition, tuple) and len(condition) == 2:
            known = [one for one in condition if one in self._state]
            if len(known) == 2:
                low, high = (self._state[one] for one in condition)
                return self.categories[low : high + 1]
        return super()._chosen(condition)

    def describe(self) -> str:
        shown = [str(one) for one in self.categories]
        if len(shown) > 6:
            return f"{shown[0]} < {shown[1]} < ... < {shown[-1]} ({len(shown)})"
        return " < ".join(shown)
