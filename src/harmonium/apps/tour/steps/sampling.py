"""Step 7: why uniform samples fail, and what Gibbs sampling does about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.contract.estimates import Estimate
from harmonium.display.chains import ChainsDisplay
from harmonium.display.errors import ErrorsDisplay

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
middle = load()[0].reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
on = lambda x: x.sum(axis=1)                      # how many of 16 pixels are on
drawn = dict(n_samples=1000, random_state=0)
""",
    """
model = hm.RBM(6, learner="exact", n_updates=$n_updates, random_state=0).fit(middle)
truth = hm.expectation(model, on, method="exact")
uniform = hm.expectation(model, on, method="uniform", **drawn)
gibbs = hm.expectation(model, on, method="gibbs", **drawn)
""",
)

MEASURED = Snippet(
    """
sizes, generator = (10, 30, 100, 300, 1000), np.random.default_rng(1)
def error(values):
    return np.sqrt(np.mean((values - truth.value) ** 2))
""",
    """
coins = generator.integers(0, 2, ($repeats * 1000, 16))
shape = $repeats, 1000
weights = np.exp(model.score_samples(coins)).reshape(shape)
weighed = np.cumsum(weights * on(coins).reshape(shape), 1) / np.cumsum(weights, 1)
walked = on(model.sample($repeats * 1000, random_state=1)).reshape(shape)
errors = {"uniform": [error(weighed[:, k - 1]) for k in sizes],
          "Gibbs": [error(walked[:, :k].mean(axis=1)) for k in sizes]}

digits = hm.load("digits.safetensors")
scores = digits.score_samples(generator.integers(0, 2, (1000, 64)))
share = np.exp(scores - scores.max())
counting = share.sum() ** 2 / (share**2).sum()    # of 1000 uniform pictures of 64 pixels

modes = hm.RBM.from_parameters(  # nearly black, and 7/3 as probable, nearly white
    np.full((16, 2), 2.0), np.full(16, -2 + np.log(7 / 3) / 16), np.full(2, -16.0))
white = hm.expectation(modes, lambda x: on(x) > 8, method="exact").value
watched = dict(n_chains=4, n_sweeps=600, name="pixels on", random_state=0)
watch = hm.display.ChainsDisplay.from_estimator
chains = {method: watch(modes, on, method=method, **watched)
          for method in ("gibbs", "tempered")}
""",
)

#: Pixels of a picture that count as a change of mode.
_BLACK, _WHITE = 4, 12
_AVERAGE = Formula(
    display(
        r"E_P[f]=∑_x P(x)f(x)≈\frac{1}{n}∑_k f(x_k)",
        r"n_{\text{eff}}=\frac{{(∑_k w_k)}^2}{∑_k w_k^2}",
    ),
    "An average over samples from P; and how many count of n samples that are weighed.",
)


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET, n_updates=500 if workshop.quick else 3_000)
    truth, uniform, gibbs = made["truth"].value, made["uniform"], made["gibbs"]
    repeats = 20 if workshop.quick else 50
    with drawing(2.8):  # whose style the chains' own figures take
        measured, made = workshop.run(MEASURED, onwards=made, repeats=repeats)
    whole, share, chains = made["counting"], made["white"], made["chains"]
    _close(chains)
    picture = _drawn(chains)
    crossings = {method: _crossings(found.draws) for method, found in chains.items()}
    return Page(
        title="Samples one can trust",
        lead="An average under a model is a sum over more states than anyone can visit. Uniform "
        "samples nearly all fall where the model has no probability; Gibbs sampling walks to "
        "where it is. How many samples really count is part of the answer.",
        finding=f"A thousand uniform samples count as {uniform.effective_samples:.0f} for 16 "
        f"pixels, and as {whole:.1f} for 64.",
        blocks=[
            _AVERAGE,
            snippet.block(),
            _compared(truth, uniform, gibbs),
            _error_curves(made["sizes"], made["errors"], repeats),
            Text(
                "Sixteen pixels are few. With each further one, uniform samples come upon what "
                "the model holds for likely more rarely, by up to a half: for the model of whole "
                f"digits with their 64, a thousand of them count as {whole:.1f}."
            ),
            Text(
                "Gibbs sampling has a weakness of its own. This model has two far-apart modes, "
                f"nearly black and nearly white pictures, and {share:.0%} of its "
                "probability lies with the white ones. A chain that comes into one mode stays "
                "there. Tempering lets it swap states with chains of a warmer, flatter model, "
                "which cross over."
            ),
            picture,
            _changes(chains, share),
            measured.measuring(),
        ],
        summary=[
            f"pixels on, on average, by counting all states: {truth:.4f}.",
            f"  1,000 uniform samples, weighed: {uniform.value:.4f} (off by "
            f"{abs(uniform.value - truth):.4f}; {uniform.effective_samples:.0f} of them count).",
            f"  1,000 samples by Gibbs sampling: {gibbs.value:.4f} (off by "
            f"{abs(gibbs.value - truth):.4f}).",
            f"whole digits: 1,000 uniform samples count as {whole:.1f}.",
            f"two far-apart modes, {share:.0%} in one: changes of mode along four chains of "
            f"{made['watched']['n_sweeps']} sweeps: {crossings['gibbs']} by Gibbs sampling, "
            f"{crossings['tempered']} with tempering.",
        ],
        picture=picture,
    )


def _error_of(found: Estimate) -> str:
    """The error that an estimate states of itself; of some it cannot be told."""
    return f" ± {found.std_error:.4f}" if np.isfinite(found.std_error) else " (error unknown)"


def _compared(truth: float, uniform: Estimate, gibbs: Estimate) -> Table:
    rows = [("all 65,536 states", f"{truth:.4f}", "", "")]
    for name, found in (("1,000 uniform, weighed", uniform), ("1,000 by Gibbs sampling", gibbs)):
        rows.append(
            (
                name,
                f"{found.value:.4f}{_error_of(found)}",
                f"{abs(found.value - truth):.4f}",
                f"{found.effective_samples:,.0f}",
            )
        )
    return Table(
        ("pixels on, on average", "estimate", "off by", "samples that count"),
        rows,
        caption="A small model of the middles of digits: the truth can be counted. After "
        "±, the error each estimate states of itself; where few samples count, it states none.",
    )


def _changes(chains: dict[str, ChainsDisplay], share: float) -> Table:
    """How often chains crossed, where they spent their time, and whether they agree."""
    rows = []
    for name, found in zip(("Gibbs sampling", "with tempering"), chains.values(), strict=True):
        held = float((found.draws[:, found.draws.shape[1] // 4 :] > 8).mean())
        told = f"{_crossings(found.draws)}", f"{held:.0%}", f"{share:.0%}", f"{found.r_hat:.2f}"
        rows.append((name, *told))
    n_chains, n_sweeps = found.draws.shape
    return Table(
        ("", "changes of mode", "time in the white mode", "should be", "R-hat"),
        rows,
        caption=f"{n_chains} chains of {n_sweeps} sweeps each, the first quarter not counted for "
        "the time in the white mode. R-hat: 1 where chains agree, and above 1.1 nothing "
        "averaged over them is to be believed.",
    )


def _crossings(draws: NDArray[np.float64]) -> int:
    """How often chains went from nearly black to nearly white or back."""
    sides = np.where(draws <= _BLACK, -1, np.where(draws >= _WHITE, 1, 0))
    return sum(int((np.diff(side[side != 0]) != 0).sum()) for side in sides)


def _error_curves(sizes: tuple[int, ...], found: dict[str, list[float]], repeats: int) -> Picture:
    with drawing(2.6) as figure:
        ErrorsDisplay(sizes=sizes, errors=found, unit="pixels").plot(figure.subplots())
        return svg_picture(
            figure,
            "Error of uniform and of Gibbs samples against their number",
            f"Root mean squared error over {repeats} repetitions.",
        )


def _close(chains: dict[str, ChainsDisplay]) -> None:
    """Take the figures that the snippet made from pyplot, which would show them."""
    from matplotlib import pyplot

    for found in chains.values():
        pyplot.close(found.figure_)


def _drawn(chains: dict[str, ChainsDisplay]) -> Picture:
    with drawing(3.4) as figure:
        panels = figure.subplots(2, 1, sharex=True)
        for axes, (name, found) in zip(panels, chains.items(), strict=True):
            found.plot(axes)
            axes.set(ylim=(-1, 17), xlabel="", yticks=(0, 8, 16))
            axes.set_title(name, fontsize="medium")
        axes.set_xlabel("sweeps")
        return svg_picture(
            figure,
            "Pixels on along plain chains, which stay, and tempered ones, which cross",
            "How many of the sixteen pixels are on, sweep by sweep, along four plain chains and "
            "four tempered ones that begin apart.",
        )
