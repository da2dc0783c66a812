"""Step 6: learning without labels; the gradient as the difference of two expectations."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.metrics import PredictionErrorDisplay

from harmonium.apps.pages.blocks import Block, Caution, Formula, Picture, Table, Text
from harmonium.apps.pages.figures import COLOURS, drawing, svg_picture
from harmonium.apps.report.learning import learning_curves
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
train, test, _, _ = load()
middle = train.reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
# 16 pixels have 65,536 states, few enough to count them all
states = (np.arange(2**16)[:, None] >> np.arange(16)) & 1
W = np.random.default_rng(0).normal(0, 0.5, (16, 6))
""",
    """
start = hm.RBM.from_parameters(W, np.zeros(16), np.zeros(6))
data = middle.T @ start.transform(middle) / len(middle)       # E[v h], data
exact = (states.T * np.exp(start.score_samples(states))) @ start.transform(states)
drawn = start.sample($n_chains, random_state=0)                   # or by sampling
small = hm.RBM(6, learner="exact", n_updates=$n_updates, random_state=0).fit(middle)
""",
)
MEASURED = Snippet(
    "",
    """
sampled = data - drawn.T @ start.transform(drawn) / len(drawn)
def likelihood(weights):
    return hm.RBM.from_parameters(weights, np.zeros(16), np.zeros(6)).score(middle)
moves = 1e-4 * np.eye(96).reshape(96, 16, 6)          # one weight at a time
slopes = [(likelihood(W + move) - likelihood(W - move)) / 2e-4 for move in moves]
worst = abs(np.reshape(slopes, (16, 6)) - (data - exact)).max()
middles = test.reshape(-1, 8, 8)[:, 2:6, 2:6].reshape(-1, 16)
before, after = start.score(middles), small.score(middles)

digits = hm.load("digits.safetensors")
scores, log_z = digits.score_samples(test), digits.log_partition()
error = np.hypot(scores.std(ddof=1) / np.sqrt(len(scores)), log_z.std_error)
rates = (train.sum(axis=0) + 0.5) / (len(train) + 1)
independent = (test @ np.log(rates) + (1 - test) @ np.log(1 - rates)).mean()
""",
)

_GRADIENT = Formula(
    display(
        r"\frac{∂}{∂w_{i j}}log P(v)=E_{\text{data}}[v_i h_j]−E_{\text{model}}[v_i h_j]",
    ),
    "What the data show together, minus what the model dreams together.",
)


def page(workshop: Workshop) -> Page:
    quick = workshop.quick
    snippet, made = workshop.run(SNIPPET, n_chains=1_000, n_updates=500 if quick else 3_000)
    measured, made = workshop.run(MEASURED, onwards=made)
    mean, independent, log_z = float(made["scores"].mean()), made["independent"], made["log_z"]
    before, after, worst = made["before"], made["after"], made["worst"]
    picture = learning_curves(made["digits"].history_, baseline=independent)
    return Page(
        title="Learning without labels",
        lead="To make the data likely, raise each weight by how often its two units are on "
        "together in the data, and lower it by how often they are in the model's own samples. "
        "When the two agree, there is nothing left to learn.",
        finding=f"Log-likelihood of an unseen digit: {mean:.2f} nats, "
        f"{independent:.2f} for independent pixels.",
        blocks=[
            _GRADIENT,
            snippet.block(),
            Text(
                "Here the model is small enough to count all its 65,536 states. The difference "
                "of the two expectations agrees with the slope of the likelihood itself, "
                f"measured by moving each weight by 0.0001, to {worst:.0e}. With "
                f"{len(made['drawn'])} samples in place of the count, it is right on average and "
                "noisy, and that is enough to learn from. Learned with the exact slope, unseen "
                f"middles rise from {before:.2f} to {after:.2f} nats."
            ),
            _scatter(made["data"] - made["exact"], made["sampled"]),
            Text(
                "The model of the digits is too large to count. Its second expectation comes "
                "from persistent chains, and digits held out from learning tell when to stop."
            ),
            picture,
            *_told(made),
            measured.measuring(),
        ],
        summary=[
            f"gradient as two expectations against the measured slope: within {worst:.0e}.",
            f"16-pixel model, exact gradient: log-likelihood of unseen middles {before:.2f} -> "
            f"{after:.2f} nats.",
            f"log-likelihood of an unseen digit: {mean:.2f} ± {made['error']:.2f} nats "
            f"(independent pixels: {independent:.2f}; log Z: {log_z.status}).",
        ],
        picture=picture,
    )


def _told(made: dict[str, Any]) -> list[Block]:
    scores, log_z = made["scores"], made["log_z"]
    row = (
        f"{len(scores)} digits",
        f"{scores.mean():.2f} ± {made['error']:.2f}",
        f"{made['independent']:.2f}",
    )
    table = Table(
        ("log-likelihood of an unseen digit (nats)", "harmonium", "independent pixels"),
        [row],
        caption=f"log Z by {log_z.method}: {log_z.value:.2f} ± {log_z.std_error:.2f}, "
        f"status {log_z.status}.",
    )
    if log_z.status == "ok":
        return [table]
    return [table, Caution(f"Do not trust this log-likelihood: {log_z.status}.")]


def _scatter(exact: NDArray[Any], sampled: NDArray[Any]) -> Picture:
    with drawing(2.9) as figure:
        shown = PredictionErrorDisplay(y_true=exact.ravel(), y_pred=sampled.ravel())
        points = {"color": COLOURS[0], "s": 8, "alpha": 1.0}
        line = {"color": COLOURS[1], "alpha": 1.0, "linestyle": "-", "linewidth": 1}
        asked = {"kind": "actual_vs_predicted", "scatter_kwargs": points, "line_kwargs": line}
        axes = shown.plot(figure.subplots(), **asked).ax_
        axes.set(xlabel="exact slope of each weight", ylabel="the same by sampling")
        return svg_picture(
            figure,
            "Sampled slopes against exact ones: points close to the diagonal",
            "Each point is one of the 96 weights. On the line, sampling and counting agree.",
        )
