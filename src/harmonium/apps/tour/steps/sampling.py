"""Step 7: why uniform samples fail, and what Gibbs sampling does about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import COLOURS, drawing, svg_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.contract.energy import Chains
from harmonium.contract.estimates import Estimate
from harmonium.contract.storage import load
from harmonium.display.chains import ChainsDisplay
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.model import RBM
from harmonium.sampling.gibbs import run_chains
from harmonium.sampling.tempering import ReplicaExchange

__all__ = ["SNIPPET", "far_apart", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
middle = load()[0].reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
on = lambda x: x.sum(axis=1)                      # how many of 16 pixels are on
ways = dict(learner="exact", learning_rate=0.1,
            validation_fraction=0, random_state=0)
drawn = dict(n_samples=1000, random_state=0)
""",
    """
model = hm.RBM(6, n_updates=$n_updates, **ways).fit(middle)
truth = hm.expectation(model, on, method="exact")
uniform = hm.expectation(model, on, method="uniform", **drawn)
gibbs = hm.expectation(model, on, method="gibbs", **drawn)
""",
)

_SIZES = (10, 30, 100, 300, 1000)
#: Sweeps of the chains that are watched.
_N_SWEEPS = 600
#: Pixels of a picture that count as a change of mode.
_BLACK, _WHITE = 4, 12
_AVERAGE = Formula(
    display(
        r"E_P[f]=∑_x P(x)f(x)≈\frac{1}{n}∑_k f(x_k)",
        r"n_{\text{eff}}=\frac{{(∑_k w_k)}^2}{∑_k w_k^2}",
    ),
    "An average over samples from P; and how many count of n samples that are weighed.",
)


@dataclass(frozen=True)
class _Traces:
    """Pixels on, sweep by sweep, along a plain and a tempered chain; `share` is P(more than
    half are on), exactly."""

    plain: NDArray[np.float64]
    tempered: NDArray[np.float64]
    share: float


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET, n_updates=500 if workshop.quick else 3_000)
    truth, uniform, gibbs = made["truth"].value, made["uniform"], made["gibbs"]
    repeats = 20 if workshop.quick else 50
    whole = _counting(_log_weights_of_coins(workshop))
    traces = _two_modes()
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
            _error_curves(_errors(made["model"], truth, repeats), repeats),
            Text(
                "Sixteen pixels are few. With each further one, uniform samples come upon what "
                "the model holds for likely more rarely, by up to a half: for the model of whole "
                f"digits with their 64, a thousand of them count as {whole:.1f}."
            ),
            Text(
                "Gibbs sampling has a weakness of its own. This model has two far-apart modes, "
                f"nearly black and nearly white pictures, and {traces.share:.0%} of its "
                "probability lies with the white ones. A chain that begins in one mode stays "
                "there. Tempering lets it swap states with chains of a warmer, flatter model, "
                "which cross over."
            ),
            _drawn(traces),
            _changes(traces),
        ],
        summary=[
            f"pixels on, on average, by counting all states: {truth:.4f}.",
            f"  1,000 uniform samples, weighed: {uniform.value:.4f} (off by "
            f"{abs(uniform.value - truth):.4f}; {uniform.effective_samples:.0f} of them count).",
            f"  1,000 samples by Gibbs sampling: {gibbs.value:.4f} (off by "
            f"{abs(gibbs.value - truth):.4f}).",
            f"whole digits: 1,000 uniform samples count as {whole:.1f}.",
            f"two far-apart modes, {traces.share:.0%} in one: changes of mode in {_N_SWEEPS} "
            f"sweeps: {_crossings(traces.plain)} by Gibbs sampling, "
            f"{_crossings(traces.tempered)} with tempering.",
        ],
    )


def _compared(truth: float, uniform: Estimate, gibbs: Estimate) -> Table:
    rows = [("all 65,536 states", f"{truth:.4f}", "", "")]
    for name, found in (("1,000 uniform, weighed", uniform), ("1,000 by Gibbs sampling", gibbs)):
        rows.append(
            (
                name,
                f"{found.value:.4f} ± {found.std_error:.4f}",
                f"{abs(found.value - truth):.4f}",
                f"{found.effective_samples:,.0f}",
            )
        )
    return Table(
        ("pixels on, on average", "estimate", "off by", "samples that count"),
        rows,
        caption="A small model of the middles of digits: the truth can be counted. After "
        "±, the error each estimate states of itself.",
    )


def _changes(traces: _Traces) -> Table:
    """How often each chain crossed, and where it spent its time."""
    rows = []
    for name, trace in (("Gibbs sampling", traces.plain), ("with tempering", traces.tempered)):
        held = float((trace[_N_SWEEPS // 4 :] > 8).mean())
        rows.append((name, f"{_crossings(trace)}", f"{held:.0%}", f"{traces.share:.0%}"))
    return Table(
        ("", "changes of mode", "time in the white mode", "should be"),
        rows,
        caption=f"{_N_SWEEPS} sweeps of one chain each, the first quarter not counted "
        "for the time in the white mode.",
    )


def _counting(log_weights: NDArray[np.float64]) -> float:
    """The effective number of weighed samples (Kong 1992)."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def _log_weights_of_coins(workshop: Workshop) -> NDArray[np.float64]:
    """What a thousand uniform pictures weigh under the model of whole digits."""
    coins = np.random.default_rng(0).integers(0, 2, (1000, 64))
    return np.asarray(load(workshop.folder / "digits.safetensors").score_samples(coins))


def _errors(model: Any, truth: float, repeats: int) -> dict[str, list[float]]:
    """Root mean squared error of both ways over `repeats` repetitions, for each size."""
    generator = np.random.default_rng(1)
    n = max(_SIZES)
    coins = generator.integers(0, 2, (repeats * n, 16))
    weights = np.exp(model.score_samples(coins)).reshape(repeats, n)
    on = coins.sum(1).reshape(repeats, n)
    drawn = model.sample(repeats * n, random_state=1).sum(1).reshape(repeats, n)

    def error(values: NDArray[Any]) -> float:
        return float(np.sqrt(np.mean((values - truth) ** 2)))

    uniform = [error((weights[:, :k] * on[:, :k]).sum(1) / weights[:, :k].sum(1)) for k in _SIZES]
    return {"uniform": uniform, "Gibbs": [error(drawn[:, :k].mean(1)) for k in _SIZES]}


def far_apart() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """W, b, c of an RBM over 16 pixels with two modes: all but black, all but white."""
    strength = 2.0
    W = np.full((16, 2), strength)
    b = np.full(16, -strength + np.log(7 / 3) / 16)  # white is 7/3 as probable as black
    return W, b, np.full(2, -8 * strength)


def _two_modes() -> _Traces:
    """A chain that begins in black, plain and tempered, on a model whose states are counted."""
    W, b, c = far_apart()
    states = (np.arange(2**16)[:, None] >> np.arange(16)) & 1
    log_p = RBM.from_parameters(W, b, c).score_samples(states)
    # The ladder's warm end has biases of zero: fair coins, which prefer neither mode.
    weights, visible, hidden = (torch.from_numpy(part) for part in (W, b, c))
    energy = RBMEnergy(weights, visible, hidden, torch.zeros_like(visible))
    generator = torch.Generator().manual_seed(0)
    plain: list[float] = []
    black = Chains(torch.zeros((1, 16), dtype=torch.float64))
    run_chains(
        energy, black, _N_SWEEPS, generator, observe=lambda now: plain.append(float(now.x.sum()))
    )
    exchange = ReplicaExchange()
    replicas = exchange.init(energy, 1, generator)
    tempered = []
    for _ in range(_N_SWEEPS):
        replicas, _ = exchange.step(replicas, energy, generator)
        tempered.append(float(replicas.cold.sum()))
    return _Traces(
        np.array(plain), np.array(tempered), float(np.exp(log_p)[states.sum(1) > 8].sum())
    )


def _crossings(trace: NDArray[np.float64]) -> int:
    """How often a chain went from nearly black to nearly white or back."""
    side = np.where(trace <= _BLACK, -1, np.where(trace >= _WHITE, 1, 0))
    side = side[side != 0]
    return int((np.diff(side) != 0).sum())


def _error_curves(found: dict[str, list[float]], repeats: int) -> Picture:
    with drawing(2.6) as figure:
        axes = figure.subplots()
        for colour, (name, errors) in zip(COLOURS[1::-1], found.items(), strict=True):
            axes.loglog(_SIZES, errors, "o-", color=colour, markersize=4)
            axes.annotate(
                name,
                (_SIZES[-2], errors[-2]),
                xytext=(4, 5),
                textcoords="offset points",
                color=colour,
            )
        axes.set_xticks(_SIZES, [f"{size:,}" for size in _SIZES])
        axes.minorticks_off()
        axes.set(xlabel="samples", ylabel="error (pixels)")
        return svg_picture(
            figure,
            "Error of uniform and of Gibbs samples against their number",
            f"Root mean squared error over {repeats} repetitions.",
        )


def _drawn(traces: _Traces) -> Picture:
    with drawing(2.8) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, trace, name in (
            (upper, traces.plain, "Gibbs"),
            (lower, traces.tempered, "tempered"),
        ):
            ChainsDisplay(draws=trace, name=name).plot(axes)
            axes.set(ylim=(-1, 17), xlabel="", yticks=(0, 8, 16))
        lower.set_xlabel("sweeps")
        return svg_picture(
            figure,
            "Pixels on along a plain chain, which stays, and a tempered one, which crosses",
            "How many of the sixteen pixels are on, sweep by sweep: a plain "
            "chain that begins in black, and a tempered one.",
        )
