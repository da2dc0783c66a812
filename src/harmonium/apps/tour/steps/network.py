"""Step 5: the same model as a neural network of coin-tossing units, with its two sigmoids."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import png_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.display.completions import CompletionsDisplay
from harmonium.display.weights import WeightsDisplay, strongest

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
train, test, _, labels = load()
blanked = np.where(np.arange(64) < 32, test, np.nan)      # lower half away
noisy = test ^ (np.random.default_rng(0).random(test.shape) < 0.1)
flips = hm.noise.BitFlip(0.1)
""",
    """
model = hm.load("digits.safetensors")
h = model.sample_hidden(test, random_state=0)     # first sigmoid, then coins
v = model.inverse_transform(h)                    # second sigmoid
completed = model.complete(blanked, how="mean", random_state=0)
corrected = model.correct(noisy, noise=flips, how="mean", random_state=0)
""",
)
MEASURED = Snippet(
    """
from sklearn.neighbors import KNeighborsRegressor as Nearest
def right(found, truth):
    return ((found > 0.5) == (truth > 0.5)).mean()
seen, lost, few = slice(0, 32), slice(32, 64), (1, 3, 5, 10)
""",
    """
by_hand = 1 / (1 + np.exp(-(model.intercept_hidden_ + test @ model.components_.T)))
gap = abs(by_hand - model.transform(test)).max()
halves = train[:, seen], train[:, lost]
copied = [Nearest(k).fit(*halves).predict(test[:, seen]) for k in few]
washed = [Nearest(k).fit(train, train).predict(noisy) for k in few]
filled = right(completed[:, lost], test[:, lost])
nearest = max(right(one, test[:, lost]) for one in copied)     # the best k of the four
cleaned, untouched = right(corrected, test), right(noisy, test)
averaged = max(right(one, test) for one in washed)
""",
)

_SHOWN = slice(0, 12)
_SIGMOIDS = Formula(
    display("P(h_j=1|v)=σ(c_j+∑_i v_i w_{i j})", "P(v_i=1|h)=σ(b_i+∑_j w_{i j}h_j)"),
    "The two sigmoids; σ(x) = 1 / (1 + exp(−x)).",
)


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET)
    model, test = made["model"], made["test"]
    measured, made = workshop.run(MEASURED, onwards=made)
    filled, nearest = made["filled"], made["nearest"]
    rows = [
        ("missing half filled in", f"{filled:.1%}", f"{nearest:.1%}", ""),
        (
            "10% flipped bits corrected",
            f"{made['cleaned']:.1%}",
            f"{made['averaged']:.1%}",
            f"{made['untouched']:.1%}",
        ),
    ]
    pictures = _pictures(model.components_, made)
    return Page(
        title="A neural network that tosses coins",
        lead="Given the pixels, hidden units no longer depend on each other, and the other way "
        "round. So each unit is a neuron: it adds up its inputs, a sigmoid turns the sum into a "
        "probability, and a coin decides. Back and forth, this is Gibbs sampling.",
        finding=f"Missing halves filled in: {filled:.1%} of the bits right, {nearest:.1%} by "
        "the nearest digits.",
        blocks=[
            _SIGMOIDS,
            snippet.block(),
            Text(
                "The first sigmoid written out in NumPy and the library's answer differ by at "
                f"most {made['gap']:.0e}."
            ),
            *pictures,
            Table(
                ("bits right", "harmonium", "the nearest digits", "left as it is"),
                rows,
                caption=f"{len(test)} digits the model has not seen. The nearest digits: the mean "
                "of the 1, 3, 5 or 10 that agree with most of what is seen, whichever number of "
                "them turned out best.",
            ),
            measured.measuring(),
        ],
        summary=[
            f"{what}: {own} of the bits right (nearest digits: {other})."
            for what, own, other, _ in rows
        ],
        picture=pictures[0],
    )


def _pictures(weights: NDArray[Any], made: dict[str, Any]) -> list[Picture]:
    test = made["test"]
    shown = weights[strongest(weights, 60)]
    coins = made["h"][:, : test.shape[1]]
    return [
        png_picture(
            WeightsDisplay(weights=shown, columns=12).image(),
            "Weights of sixty hidden units as small pictures in red and blue",
            "Receptive fields: the sixty hidden units with the largest weights. Red: the "
            "unit is for a one there; blue: for a zero.",
        ),
        _lines(
            (test, coins, made["v"]),
            "Digits, the hidden states they cause, and the pixels these expect",
            f"Up and down once: pixels, the first {coins.shape[1]} of the {len(weights)} coins "
            "they lead to, and the pixels those coins expect.",
        ),
        _lines(
            (test, made["blanked"], made["completed"]),
            "Digits, the same with the lower half blank, and their completions",
            "Unseen digits, their lower halves taken away (orange), and the mean of "
            "P(missing | seen).",
        ),
        _lines(
            (test, made["noisy"], made["corrected"]),
            "Digits, the same with a tenth of the bits flipped, and their corrections",
            "Unseen digits, the same with a tenth of the bits flipped, and the mean of "
            "P(clean | noisy).",
        ),
    ]


def _lines(sets: tuple[NDArray[Any], ...], alt: str, caption: str) -> Picture:
    """The first digits of each set, a line each."""
    truth, given, answer = (rows[_SHOWN] for rows in sets)
    lines = CompletionsDisplay(truth=truth, given=given, answer=answer)
    return png_picture(lines.image(), alt, caption)
