"""What a fit of a Boltzmann machine is refused for, before any work."""

from __future__ import annotations

import numpy as np

from harmonium.learning.plan import n_held_of
from harmonium.units.base import Units
from harmonium.units.space import LIMITS, log2_states

__all__ = ["check_hidden_units", "check_learner", "check_out_of_core", "check_sparse"]


def check_learner(learner: str, units: Units, holes: bool) -> None:
    """Refuse sums over more states than can be visited at each step, and holes where they cannot
    be learned from."""
    if learner == "exact" and log2_states(units.sizes) > np.log2(LIMITS["gradient"]):
        raise ValueError(
            f"learner='exact' wants at most {LIMITS['gradient']:,} joint states, got about "
            f"10^{log2_states(units.sizes) * 0.30103:.0f}; use learner='pcd'"
        )
    if holes and learner in ("exact", "pseudo"):
        raise ValueError(
            f"learner={learner!r} cannot learn from rows with missing cells; use 'pcd'"
        )


def check_out_of_core(learner: str, n_hidden: int) -> None:
    """Refuse rows out of core where all of them are looked at together, in memory."""
    if learner == "pseudo" or (learner == "exact" and n_hidden):
        units = " and hidden units (n_components)" if n_hidden else ""
        raise ValueError(
            f"X: learner={learner!r}{units} wants rows in memory, got rows out of core; use 'pcd'"
        )


def check_sparse(learner: str, n_rows: int, holes: bool, held: float | str) -> None:
    """Refuse a graph that cannot be found: by chains it is, and by rows held out."""
    if learner not in ("pcd", "pt"):
        raise ValueError(f"graph='sparse' wants learner='pcd' or 'pt', got {learner!r}")
    if holes:
        raise ValueError("graph='sparse' cannot be found from rows with missing cells")
    if n_held_of(held, n_rows, n_rows) < 1:
        raise ValueError(
            f"graph='sparse' wants rows held out: at least 10 rows, or validation_fraction, got "
            f"{n_rows} rows and validation_fraction={held!r}"
        )


def check_hidden_units(n_hidden: int, learner: str, graph: object) -> None:
    """Refuse hidden units where they cannot be learned."""
    if not n_hidden:
        return
    if learner == "pseudo":
        raise ValueError(
            "learner='pseudo' cannot learn hidden units (n_components): each variable is told from "
            "all others, which must be known; use 'pcd'"
        )
    if isinstance(graph, str) and graph == "sparse":
        raise ValueError(
            "graph='sparse' is found between columns, got n_components="
            f"{n_hidden}; use graph='complete', 'semi-restricted' or pairs"
        )
    n_summed = int(np.log2(LIMITS["answer"]))
    free = isinstance(graph, str) and graph == "semi-restricted"
    if learner == "exact" and n_hidden > n_summed and not free:
        raise ValueError(
            f"learner='exact' sums over hidden units that may be coupled: at most {n_summed}, got "
            f"n_components={n_hidden}; use graph='semi-restricted' or learner='pcd'"
        )
