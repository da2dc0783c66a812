"""Step 7: why uniform samples fail, and what Gibbs sampling does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import harmonium as hm
from harmonium.report_figures import COLOURS, drawing, svg_picture
from harmonium.report_page import Formula, Picture, Table, Text
from harmonium.tour import mathml as m
from harmonium.tour.step import Page, Snippet, Workshop

__all__ = ["SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.tour.digits import load
middle = load()[0].reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
ink = lambda x: x.sum(axis=1)              # how many of 16 pixels are on
""",
    """
model = hm.RBM(6, learner="exact", n_updates=$n_updates, random_state=0).fit(middle)
truth = hm.expectation(model, ink, method="exact")
uniform = hm.expectation(model, ink, method="uniform", n_samples=1000, random_state=0)
gibbs = hm.expectation(model, ink, method="gibbs", n_samples=1000, random_state=0)
""",
)

_METHODS = ("uniform", "importance", "gibbs", "tempered")
#: Repetitions behind a point of the figure.
_N_REPEATS = 10


def page(workshop: Workshop) -> Page:
    quick = workshop.quick
    snippet, made = workshop.run(SNIPPET, n_updates=500 if quick else 3_000)
    model, ink, truth = made["model"], made["ink"], made["truth"].value
    sizes = (100, 1_000) if quick else (100, 300, 1_000, 3_000)
    repeats = 3 if quick else _N_REPEATS
    found = {
        method: [_errors(model, ink, truth, method, n, repeats) for n in sizes]
        for method in _METHODS
    }
    apart = _two_modes()
    exact = hm.expectation(apart, ink, method="exact").value
    far = {
        name: hm.expectation(apart, ink, method=name, n_samples=1_000, random_state=0)
        for name in _METHODS
    }
    uniform, gibbs = made["uniform"], made["gibbs"]
    rows = [("counting all 65,536 states", f"{truth:.4f}", "", "")]
    rows += [
        (name, f"{e.value:.4f}", _error(e), f"{e.effective_samples:,.0f}")
        for name, e in (("uniform", uniform), ("Gibbs", gibbs))
    ]
    return Page(
        title="Samples one can trust",
        lead="Averages under a model are sums over more states than can be visited. Uniform "
        "samples nearly always fall where the model has no probability; Gibbs sampling walks "
        "to where it is. How many samples really count is part of the answer.",
        finding=f"Of 1,000 samples, {uniform.effective_samples:,.0f} count when drawn uniformly, "
        f"{gibbs.effective_samples:,.0f} when drawn by Gibbs sampling.",
        blocks=[
            Formula(
                m.display(
                    "E[f]=",
                    m.total("∑", "x"),
                    "P(x)f(x)≈",
                    m.frac("1", "n"),
                    m.total("∑", "k"),
                    "f(",
                    m.sub("x", "k"),
                    "),",
                )
                + m.display(m.sub("x", "k"), "∼P"),
                "An average over samples from P itself stands for the sum over all states.",
            ),
            snippet.block(),
            Table(
                ("how many pixels are on", "estimate", "its error", "samples that count"),
                rows,
                caption="A small model of the middles of digits, for which the truth can be "
                "counted.",
            ),
            _figure(sizes, found),
            Text(
                "Gibbs sampling has a weakness of its own. In a model with two far-apart modes, "
                "pictures nearly black and pictures nearly white, a chain stays where it began. "
                "Chains that disagree give no error bar; tempered chains, which swap states with "
                "warmer ones, cross over."
            ),
            Table(
                ("two far-apart modes", "estimate", "its error", "samples that count"),
                [
                    ("counting all states", f"{exact:.4f}", "", ""),
                    *(
                        (name, f"{e.value:.4f}", _error(e), f"{e.effective_samples:,.0f}")
                        for name, e in far.items()
                    ),
                ],
                caption="The same question to a model whose two modes lie 16 flips apart.",
            ),
        ],
        summary=[
            f"pixels on, on average: {truth:.4f} by counting; of 1,000 samples",
            *(
                f"  {name}: {e.value:.4f}, error {_error(e)}, {e.effective_samples:,.0f} count"
                for name, e in (("uniform", uniform), ("Gibbs", gibbs))
            ),
            f"two far-apart modes ({exact:.4f} by counting):",
            *(f"  {name}: {e.value:.4f}, error {_error(e)}" for name, e in far.items()),
        ],
    )


def _error(estimate: Any) -> str:
    if not np.isfinite(estimate.std_error):
        return "none given"
    return f"{estimate.std_error:.4f}"


def _errors(
    model: Any, f: Callable[[Any], Any], truth: float, method: str, n: int, repeats: int
) -> float:
    """Root mean squared error of an estimate, over repetitions."""
    values = [
        hm.expectation(model, f, method=method, n_samples=n, random_state=seed).value
        for seed in range(repeats)
    ]
    return float(np.sqrt(np.mean((np.array(values) - truth) ** 2)))


def _two_modes() -> Any:
    """An RBM of 16 pixels, nearly all on (seven parts of ten) or nearly all off."""
    strength = 2.5
    W = np.full((16, 2), strength)
    b, c = np.full(16, -strength), np.full(2, -8 * strength)
    b += np.log(7 / 3) / 16
    return hm.RBM.from_parameters(W, b, c)


def _figure(sizes: tuple[int, ...], found: dict[str, list[float]]) -> Picture:
    with drawing(2.9) as figure:
        axes = figure.subplots()
        for colour, (method, errors) in zip(COLOURS, found.items(), strict=True):
            axes.loglog(sizes, errors, "o-", color=colour, markersize=4, label=method)
        axes.set(xlabel="samples", ylabel="error of the estimate")
        axes.legend()
        return svg_picture(
            figure,
            "Error of four ways to sample against the number of samples",
            "Root mean squared error against the truth, by repetition.",
        )
