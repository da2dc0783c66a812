"""How parts of a run stood at one moment, to be gone back to."""

from __future__ import annotations

from collections.abc import Mapping

from harmonium.learning.checkpoint import Part, State

__all__ = ["Snapshot"]


class Snapshot:
    """The states of some `parts` of a run, by name; none until one is taken."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self.parts = parts
        self.kept: dict[str, State] = {}

    def take(self) -> None:
        """Keep them as they stand, in place of what was kept."""
        self.kept = {name: part.state().copy() for name, part in self.parts.items()}

    def put_back(self) -> None:
        """Make the parts stand as they did; does nothing where none was taken."""
        for name, state in self.kept.items():
            self.parts[name].restore(state.copy())

    def state(self) -> State:
        tensors = {f"{name}.{k}": v for name, s in self.kept.items() for k, v in s.tensors.items()}
        return State(tensors, {name: state.facts for name, state in self.kept.items()})

    def restore(self, state: State) -> None:
        self.kept = {name: State(state.group(name), facts) for name, facts in state.facts.items()}
