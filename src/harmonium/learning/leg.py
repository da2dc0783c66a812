"""A stretch of a run along which the rate of learning falls to zero."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Leg"]


@dataclass(frozen=True)
class Leg:
    """Updates `first` to `last`, along which the rate falls linearly from `rate` to zero; it
    began after so many `seconds` of the run."""

    first: int
    last: int
    rate: float
    seconds: float = 0.0

    def rate_at(self, update: int, share_of_time: float = 0.0) -> float:
        """The learning rate of the next update, by whichever runs out first."""
        share = (update - self.first) / (self.last - self.first)
        return self.rate * (1.0 - max(share, share_of_time))

    def share_of_time(self, seconds: float, limit: float | None) -> float:
        """How much is over of what was left of a run's time limit when this began; 1: all."""
        if limit is None:
            return 0.0
        return 1.0 if seconds >= limit else (seconds - self.seconds) / (limit - self.seconds)

    def facts(self) -> dict[str, Any]:
        """What makes it again."""
        return asdict(self)
