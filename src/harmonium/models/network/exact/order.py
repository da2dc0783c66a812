"""In which order to sum variables out: the order sets the cost of every exact answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from random import Random
from typing import TypeAlias

__all__ = ["Graph", "elimination_order", "ending_with", "interaction_graph"]

#: For each variable those that it shares a table with, itself left out.
Graph: TypeAlias = list[set[int]]
#: Of a graph, a variable and the logs of the numbers of states: the lower the sooner it goes.
_Score: TypeAlias = Callable[[Graph, int, Sequence[float]], tuple[float, float]]

#: Above this many neighbour pairs, counting fill-in costs more than it saves.
_MAX_FILL_WORK = 2_000_000
#: Of tries with blurred scores: how many at most, and by what part scores are blurred.
_MOST_TRIES, _BLUR = 300, 0.5
#: What scoring a variable costs beside its pairs of neighbours, a variable and a neighbour; table
#: entries that are summed in the time of one pair; and pairs of all tries together, some seconds.
_A_SCORE, _A_NEIGHBOUR, _A_PAIR, _MOST_PAIRS = 40, 6, 25.0, 2e8
#: Fewer table entries than this, in all or for each variable, are summed faster than a better
#: order is found.
_CHEAP_ENTRIES, _CHEAP_EACH = 250_000, 10_000


def interaction_graph(n_variables: int, scopes: Sequence[Sequence[int]]) -> Graph:
    """Who shares a scope with whom."""
    graph: Graph = [set() for _ in range(n_variables)]
    for scope in scopes:
        for variable in scope:
            graph[variable].update(scope)
    for variable, around in enumerate(graph):
        around.discard(variable)
    return graph


def _eliminate(graph: Graph, variable: int) -> set[int]:
    """Take `variable` out and join its neighbours; returns them."""
    around = graph[variable]
    for u in around:
        beside = graph[u]
        beside |= around
        beside.discard(u)
        beside.discard(variable)
    graph[variable] = set()
    return around


def _smallest(graph: Graph, variable: int, logs: Sequence[float]) -> tuple[float, float]:
    """log of the entries of the table that `variable` goes with."""
    return logs[variable] + sum([logs[u] for u in graph[variable]]), 0.0


def _least_fill(graph: Graph, variable: int, logs: Sequence[float]) -> tuple[float, float]:
    """Twice the number of edges that taking `variable` out would add; then the table."""
    around = graph[variable]
    added = sum([len(around - graph[u]) for u in around]) - len(around)
    return added, _smallest(graph, variable, logs)[0]


def _greedy(
    graph: Graph, logs: Sequence[float], score: _Score, source: Random | None = None
) -> tuple[list[int], float]:
    """Take out the variable of lowest score, again and again; with a `source`, scores are blurred
    and equals come in a random order. Also what it took, in pairs of neighbours."""
    graph = [set(around) for around in graph]
    effort = 0.0

    def entry(v: int) -> tuple[float, float, int]:
        nonlocal effort
        n = len(graph[v])
        effort += _A_SCORE + n * (_A_NEIGHBOUR + n)
        first, second = score(graph, v, logs)
        if source is None:
            return first, second, v
        return first * (1.0 + _BLUR * source.random()), second + source.random(), v

    heap = [entry(v) for v in range(len(graph))]
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
        touched = around = _eliminate(graph, variable)
        if score is _least_fill:  # edges among neighbours of neighbours count too
            touched = around.union(*(graph[u] for u in around))
        for u in sorted(touched):
            current[u] = entry(u)
            heappush(heap, current[u])
    return order, effort


def _cost(graph: Graph, order: Sequence[int], logs: Sequence[float], limit: float) -> float:
    """Entries of all tables that `order` makes; infinite where that is more than `limit`."""
    graph = [set(around) for around in graph]
    total = 0.0
    for variable in order:
        log_entries = _smallest(graph, variable, logs)[0]
        total += math.exp(min(log_entries, 690.0))
        if total > limit:
            return math.inf
        _eliminate(graph, variable)
    return total


def elimination_order(graph: Graph, sizes: Sequence[int]) -> list[int]:
    """An order that takes out all variables, at low cost.

    The best by the number of table entries of the given order, the smallest table next, the fewest
    added edges next ("min-fill"; Kjærulff 1990 compares them) and, where tables are large, of
    these two again and again with blurred scores (Gogate, Dechter 2004 on why many tries pay), for
    about as long as the tables would take to sum. Finding the best of all is NP-hard.
    """
    logs = [math.log(size) for size in sizes]
    best, _ = _greedy(graph, logs, _smallest)
    least = _cost(graph, best, logs, math.inf)

    def consider(order: list[int]) -> None:
        nonlocal best, least
        cost = _cost(graph, order, logs, least)
        if cost <= least:
            best, least = order, cost

    consider(list(range(len(graph))))
    work = sum(len(around) ** 2 for around in graph)
    if least > max(_CHEAP_ENTRIES, _CHEAP_EACH * len(graph)) and work < _MAX_FILL_WORK:
        order, effort = _greedy(graph, logs, _least_fill)
        consider(order)
        source, tries = Random(0), 0
        # The better the best one becomes, the fewer tries it is worth.
        while tries < _MOST_TRIES and effort < min(least / _A_PAIR, _MOST_PAIRS):
            score = _smallest if tries % 4 == 3 else _least_fill
            order, more = _greedy(graph, logs, score, source)
            consider(order)
            tries, effort = tries + 1, effort + more
    return best


def ending_with(graph: Graph, order: Sequence[int], keep: Sequence[int]) -> list[int]:
    """An order with the same tables as `order` or smaller, in which those of `keep`, who all
    neighbour each other, are left.

    Maximum cardinality search of the filled graph, begun at `keep`, names a perfect order
    backwards: one that fills no further edge (Tarjan, Yannakakis 1984).
    """
    filled, rest = [set(around) for around in graph], [set(around) for around in graph]
    for variable in order:
        around = _eliminate(rest, variable)
        for u in around:
            filled[u] |= around
            filled[u].discard(u)
    seen = {v: len(filled[v].intersection(keep)) for v in range(len(graph)) if v not in keep}
    heap = [(-count, v) for v, count in seen.items()]
    heapify(heap)
    backwards = []
    while heap:
        count, variable = heappop(heap)
        if seen.get(variable) != -count:  # counted anew since, or gone
            continue
        del seen[variable]
        backwards.append(variable)
        for u in sorted(filled[variable]):
            if u in seen:
                seen[u] += 1
                heappush(heap, (-seen[u], u))
    return backwards[::-1]
