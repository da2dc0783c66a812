"""In which order to sum variables out: the order sets the cost of every exact answer.

Neighbourhoods are bit masks in Python integers, so that joining and counting them is one
operation each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from random import Random

__all__ = ["bits", "elimination_order", "ending_with", "interaction_graph"]

#: Above this many neighbour pairs, counting fill-in costs more than it saves.
_MAX_FILL_WORK = 2_000_000
#: Of tries with blurred scores: how many at most, entries that are summed in the time that a try
#: takes for each variable and pair of neighbours, and by what part scores are blurred.
_MOST_TRIES, _TRY_ENTRIES, _BLUR = 300, 10_000.0, 0.5
#: Fewer table entries than this are summed faster than a better order is found.
_CHEAP_ENTRIES = 250_000


def bits(mask: int) -> Iterator[int]:
    """Positions of the ones of `mask`, rising."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def interaction_graph(n_variables: int, scopes: Sequence[Sequence[int]]) -> list[int]:
    """For each variable the mask of those it shares a scope with, itself left out."""
    graph = [0] * n_variables
    for scope in scopes:
        mask = 0
        for variable in scope:
            mask |= 1 << variable
        for variable in scope:
            graph[variable] |= mask
    return [mask & ~(1 << v) for v, mask in enumerate(graph)]


class _Weights:
    """log of the number of joint states of the variables of a mask."""

    def __init__(self, sizes: Sequence[int]) -> None:
        groups: dict[int, int] = {}
        for variable, size in enumerate(sizes):
            groups[size] = groups.get(size, 0) | 1 << variable
        self.groups = [(mask, math.log(size)) for size, mask in groups.items()]

    def __call__(self, mask: int) -> float:
        if len(self.groups) == 1:
            return mask.bit_count() * self.groups[0][1]
        return sum((mask & group).bit_count() * weight for group, weight in self.groups)


def _eliminate(graph: list[int], variable: int) -> int:
    """Take `variable` out and join its neighbours; returns their mask."""
    around = graph[variable]
    for u in bits(around):
        graph[u] = (graph[u] | around) & ~(1 << u) & ~(1 << variable)
    graph[variable] = 0
    return around


def _fill(graph: list[int], variable: int) -> int:
    """Twice the number of edges that taking `variable` out would add."""
    around = graph[variable]
    return sum((around & ~graph[u]).bit_count() - 1 for u in bits(around))


def _greedy(
    graph: list[int],
    candidates: int,
    score: Callable[[list[int], int], tuple[float, float]],
    source: Random | None = None,
) -> list[int]:
    """Take out the variable of lowest score, again and again; with a `source`, scores are blurred
    and equals come in a random order."""
    graph = list(graph)

    def entry(v: int) -> tuple[float, float, int]:
        first, second = score(graph, v)
        if source is None:
            return first, second, v
        return first * (1.0 + _BLUR * source.random()), second + source.random(), v

    heap = [entry(v) for v in bits(candidates)]
    current = {each[2]: each for each in heap}
    heapify(heap)
    order = []
    while heap:
        each = heappop(heap)
        variable = each[2]
        if current.get(variable) is not each:  # scored anew since, or gone
            continue
        order.append(variable)
        del current[variable]
        around = _eliminate(graph, variable)
        touched = around
        for u in bits(around):
            touched |= graph[u]
        for u in bits(touched):
            if u in current:
                current[u] = entry(u)
                heappush(heap, current[u])
    return order


def _cost(graph: list[int], order: Sequence[int], weights: _Weights) -> float:
    """Entries of all tables that `order` makes (log-safe: infinite beyond 1e300)."""
    graph = list(graph)
    total = 0.0
    for variable in order:
        around = _eliminate(graph, variable)
        total += math.exp(min(weights(around | 1 << variable), 690.0))
    return total


def elimination_order(graph: list[int], sizes: Sequence[int]) -> list[int]:
    """An order that takes out all variables, at low cost.

    The best by the number of table entries of
    the given order, the smallest table next, the fewest added edges next ("min-fill"; Kjaerulff
    1990 compares them) and, where tables are large, of these two again and again with blurred
    scores (Gogate, Dechter 2004 on why many tries pay), for about as long as the tables would
    take to sum. Finding the best of all is NP-hard.
    """
    weights = _Weights(sizes)

    def smallest(graph: list[int], v: int) -> tuple[float, float]:
        return weights(graph[v] | 1 << v), 0.0

    def least_fill(graph: list[int], v: int) -> tuple[float, float]:
        return _fill(graph, v), weights(graph[v] | 1 << v)

    everything = (1 << len(graph)) - 1
    orders = [list(bits(everything)), _greedy(graph, everything, smallest)]
    costs = [_cost(graph, order, weights) for order in orders]
    work = sum(mask.bit_count() ** 2 for mask in graph)
    if min(costs) > _CHEAP_ENTRIES and work < _MAX_FILL_WORK:
        orders.append(_greedy(graph, everything, least_fill))
        costs.append(_cost(graph, orders[-1], weights))
        source, tries = Random(0), 0
        # The better the best one becomes, the fewer tries it is worth.
        while tries < min(_MOST_TRIES, min(costs) / (_TRY_ENTRIES * (len(graph) + work))):
            score = smallest if tries % 4 == 3 else least_fill
            order = _greedy(graph, everything, score, source)
            cost = _cost(graph, order, weights)
            if cost < min(costs):
                orders, costs = [order], [cost]
            tries += 1
    return orders[costs.index(min(costs))]


def ending_with(graph: list[int], order: list[int], keep: int) -> list[int]:
    """An order with the same tables as `order` or smaller, in which those of the mask `keep`, who
    all neighbour each other, are left.

    Maximum cardinality search of the filled graph, begun at `keep`, names a perfect order
    backwards: one that fills no further edge (Tarjan, Yannakakis 1984).
    """
    filled, rest = list(graph), list(graph)
    for variable in order:
        around = _eliminate(rest, variable)
        for u in bits(around):
            filled[u] |= around & ~(1 << u)
    left = (1 << len(graph)) - 1 & ~keep
    seen = {v: (filled[v] & keep).bit_count() for v in bits(left)}
    heap = [(-count, v) for v, count in seen.items()]
    heapify(heap)
    backwards = []
    while heap:
        count, variable = heappop(heap)
        if seen.get(variable) != -count:  # counted anew since, or gone
            continue
        del seen[variable]
        backwards.append(variable)
        for u in bits(filled[variable]):
            if u in seen:
                seen[u] += 1
                heappush(heap, (-seen[u], u))
    return backwards[::-1]
