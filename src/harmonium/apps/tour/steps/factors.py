"""Step 4: from factors to a probability, on a network small enough to count by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.apps.pages.blocks import Formula, Table, Text
from harmonium.apps.report.network import network_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
pairs = {  # states 00, 01, 10, 11
    ("v1", "h1"): [20, 3, 5, 10], ("v1", "h2"): [6, 20, 10, 2],
    ("v2", "h1"): [3, 3, 2, 10], ("v2", "h2"): [2, 1, 10, 10],
    ("v3", "h1"): [6, 3, 5, 10], ("v3", "h2"): [3, 1, 10, 10]}
singles = {"v1": [30, 1], "v2": [100, 1], "v3": [1, 100],
           "h1": [100, 1], "h2": [10, 10]}
factors = [hm.Factor(*item) for item in (pairs | singles).items()]
question = {"v1": 0, "v2": 0, "v3": 0, "h1": 1, "h2": 1}
""",
    """
network = hm.MarkovNetwork(factors)
z = np.exp(network.log_partition().value)
answer = network.prob(question)                  # P(V = 000, H = 11)
likely = network.most_likely()
given = network.marginal(["h1", "h2"], {"v1": 0, "v2": 0, "v3": 0})
""",
)

MEASURED = Snippet(
    """
from itertools import product
from math import prod
visible, hidden = ["v1", "v2", "v3"], ["h1", "h2"]
""",
    """
counted = {}                                     # each state's product, in whole numbers
for state in product((0, 1), repeat=5):
    at = dict(zip(visible + hidden, state))
    joint = prod(t[2 * at[a] + at[b]] for (a, b), t in pairs.items())
    counted[state] = joint * prod(t[at[a]] for a, t in singles.items())

log = {name: np.log(table) for name, table in (pairs | singles).items()}
W = np.array([[log[v, h] @ [1, -1, -1, 1] for h in hidden] for v in visible])
b = [log[v] @ [-1, 1] + sum(log[v, h] @ [-1, 0, 1, 0] for h in hidden) for v in visible]
c = [log[h] @ [-1, 1] + sum(log[v, h] @ [-1, 1, 0, 0] for v in visible) for h in hidden]
machine = hm.RBM.from_parameters(W, b, c)
by_energies = np.exp(machine.score_samples(list(product((0, 1), repeat=3))))
""",
)

#: Hidden variables above, visible ones below, in the order in which the network meets them.
_PLACES = np.array([[0.0, 0.0], [0.5, 1.0], [1.5, 1.0], [1.0, 0.0], [2.0, 0.0]])
_VISIBLE, _HIDDEN = ("v1", "v2", "v3"), ("h1", "h2")


_PRODUCT = Formula(
    display(r"P(v,h)=\frac{1}{Z}∏_{i,j}ϕ_{i j}(v_i,h_j)∏_i ψ_i(v_i)∏_j ξ_j(h_j)"),
    "Z is the same product, summed over all 32 states.",
)
_WEIGHT = Formula(display(r"w_{i j}=log\frac{ϕ_{i j}(0,0)ϕ_{i j}(1,1)}{ϕ_{i j}(0,1)ϕ_{i j}(1,0)}"))

State = tuple[int, ...]


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET)
    measured, made = workshop.run(MEASURED, onwards=made)
    weights = made["counted"]
    z = sum(weights.values())
    asked = weights[tuple(made["question"].values())]
    worst = float(
        np.abs(made["by_energies"] - made["network"].marginal(_VISIBLE).reshape(-1)).max()
    )
    picture = network_picture(
        made["network"],
        "Three visible and two hidden variables, a factor between each visible and "
        "each hidden one, and one at each variable. Squares are factors.",
        places=_PLACES,
    )
    return Page(
        title="From factors to a probability",
        lead="A factor says how well a few states go together; it need not be a probability. "
        "Multiply all factors, divide by the sum Z over every state there is, and it is one. "
        "This network is small enough to count Z in whole numbers.",
        finding=f"P(V=000, H=11) = {asked:,} / {z:,} = {_power(asked / z)}.",
        blocks=[
            picture,
            _PRODUCT,
            snippet.block(),
            _compared(weights, made),
            Text(
                "The same with energies: E = −log of the product, so that P = exp(−E) / Z. "
                "Products of factors become sums of energies, and a table of two binary "
                "variables becomes a weight and two biases: the network is a restricted "
                "Boltzmann machine. Written as one, with W, b and c from the logarithms of "
                f"the tables, it gives all eight P(V) the same to {worst:.0e}."
            ),
            _WEIGHT,
            _most_probable(weights),
            measured.measuring(),
        ],
        summary=[
            f"Z = {z:,} by counting 32 states; harmonium: {made['z']:,.0f}.",
            f"P(V=000, H=11) = {asked:,} / {z:,} = {asked / z:.6g}; "
            f"harmonium: {made['answer']:.6g}.",
            f"the same network as an RBM, by energies: P(V) agrees to {worst:.0e}.",
        ],
        picture=picture,
    )


def _compared(weights: dict[State, int], made: dict[str, Any]) -> Table:
    """What counting finds, beside the answers of the lines shown."""
    z = sum(weights.values())
    asked = weights[tuple(made["question"].values())]
    seen = sum(weight for state, weight in weights.items() if state[:3] == (0, 0, 0))
    best = max(weights, key=weights.__getitem__)
    likely = "".join(str(made["likely"][name]) for name in (*_VISIBLE, *_HIDDEN))
    counted = f"{asked:,} / {z:,} = {asked / z:.6g}"
    rows = [
        ("Z", f"{z:,}", f"{made['z']:,.0f}"),
        ("P(V=000, H=11)", counted, f"{made['answer']:.6g}"),
        ("most probable state", "".join(map(str, best)), likely),
        ("P(H=11 | V=000)", f"{asked / seen:.6g}", f"{made['given'][1, 1]:.6g}"),
    ]
    return Table(
        ("", "counted in whole numbers", "harmonium"),
        rows,
        caption="Every state visited one by one, beside the library, which sums "
        "variables out one at a time and never lists the states.",
    )


def _most_probable(weights: dict[State, int]) -> Table:
    z = sum(weights.values())
    return Table(
        ("v1 v2 v3 h1 h2", "product of factors", "energy", "probability"),
        [
            (" ".join(map(str, state)), f"{w:,}", f"{-np.log(w):.3f}", f"{w / z:.4f}")
            for state, w in sorted(weights.items(), key=lambda item: -item[1])[:5]
        ],
        caption="The five most probable of the 32 states.",
    )


def _power(value: float) -> str:
    """Three digits and a power of ten, as print sets them."""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
