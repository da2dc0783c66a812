"""Step 5: the same model as a neural network of coin-tossing units, with its two sigmoids."""

from __future__ import annotations

import numpy as np

from harmonium.apps.pages.figures import png_picture
from harmonium.apps.pages.page import Formula, Table, Text
from harmonium.apps.pages.pictures import tile, weights_picture
from harmonium.apps.tour import mathml as m
from harmonium.apps.tour.digits import nearest, right
from harmonium.apps.tour.step import Page, Snippet, Workshop

__all__ = ["SNIPPET", "page"]

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

_SHOWN = slice(0, 12)


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET)
    model, train, test = made["model"], made["train"], made["test"]
    blanked, completed = made["blanked"], made["completed"]
    noisy, corrected = made["noisy"], made["corrected"]
    by_hand = 1 / (1 + np.exp(-(model.intercept_hidden_ + test @ model.components_.T)))
    gap = float(np.abs(by_hand - model.transform(test)).max())
    filled = right(completed[:, 32:], test[:, 32:])
    copied = right(nearest(train, blanked)[:, 32:], test[:, 32:])
    cleaned, left = right(corrected, test), right(noisy, test)
    rows = [
        ("missing half filled in", f"{filled:.1%}", f"{copied:.1%}", "nearest neighbour"),
        ("10% flipped bits corrected", f"{cleaned:.1%}", f"{left:.1%}", "the noisy input itself"),
    ]
    strongest = np.argsort(-np.linalg.norm(model.components_, axis=1))[:60]
    return Page(
        title="A neural network that tosses coins",
        lead="Given the pixels, hidden units no longer depend on each other, and the other way "
        "round. So each unit is a neuron: it adds up its inputs, a sigmoid turns the sum into a "
        "probability, and a coin decides. Back and forth, this is Gibbs sampling.",
        finding=f"Missing halves filled in: {filled:.1%} of the bits right, {copied:.1%} by "
        "copying the nearest digit.",
        blocks=[
            Formula(
                m.display(
                    "P(",
                    m.sub("h", "j"),
                    "=1|v)=σ(",
                    m.sub("c", "j"),
                    "+",
                    m.total("∑", "i"),
                    m.sub("v", "i"),
                    m.sub("w", "i j"),
                    ")",
                )
                + m.display(
                    "P(",
                    m.sub("v", "i"),
                    "=1|h)=σ(",
                    m.sub("b", "i"),
                    "+",
                    m.total("∑", "j"),
                    m.sub("w", "i j"),
                    m.sub("h", "j"),
                    ")",
                ),
                "The two sigmoids; σ(x) = 1 / (1 + exp(−x)).",
            ),
            snippet.block(),
            Text(
                "The first sigmoid written out in NumPy and the library's answer differ by at "
                f"most {gap:.0e}."
            ),
            png_picture(
                weights_picture(model.components_[strongest], columns=12),
                "Weights of sixty hidden units as small pictures in red and blue",
                "Receptive fields: the sixty hidden units with the largest weights. Red: the "
                "unit is for a one there; blue: for a zero.",
            ),
            png_picture(
                tile(
                    np.concatenate(
                        [test[_SHOWN], made["h"][_SHOWN] @ np.eye(200)[:, :64], made["v"][_SHOWN]]
                    ),
                    columns=12,
                ),
                "Digits, the hidden states they cause, and the pixels these expect",
                "Up and down once: pixels, the first 64 of the 200 coins they lead to, and the "
                "pixels those coins expect.",
            ),
            png_picture(
                tile(
                    np.concatenate([test[_SHOWN], blanked[_SHOWN], completed[_SHOWN]]), columns=12
                ),
                "Digits, the same with the lower half blank, and their completions",
                "Unseen digits, their lower halves taken away (orange), and the mean of "
                "P(missing | seen).",
            ),
            png_picture(
                tile(np.concatenate([test[_SHOWN], noisy[_SHOWN], corrected[_SHOWN]]), columns=12),
                "Digits, the same with a tenth of the bits flipped, and their corrections",
                "Unseen digits, the same with a tenth of the bits flipped, and the mean of "
                "P(clean | noisy).",
            ),
            Table(
                ("bits right", "harmonium", "baseline", "what the baseline is"),
                rows,
                caption=f"{len(test)} digits the model has not seen.",
            ),
        ],
        summary=[f"{a}: {b} of the bits right ({d}: {c})." for a, b, c, d in rows],
    )
