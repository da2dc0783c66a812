"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

__all__ = ["Figures"]

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_TOGETHER = (1, 2, 4, 8, 16, 32, 64)


class Figures:
    """Counts of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ["model", "question"]
        self.requests = Counter(
            "harmonium_requests", "Answers, by status", [*labels, "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "harmonium_seconds",
            "From a request's last byte to its answer",
            labels,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.together = Histogram(
            "harmonium_together",
            "Requests answered at once",
            buckets=_TOGETHER,
            registry=self._registry,
        )

    def follow(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A figure that is asked for when it is read."""
        Gauge(f"harmonium_{name}", help, registry=self._registry).set_function(value)

    def count(self, model: str, question: str, status: int, seconds: float) -> None:
        self.requests.labels(model, question, str(status)).inc()
        self.seconds.labels(model, question).observe(seconds)

    def written(self) -> bytes:
        return generate_latest(self._registry)
