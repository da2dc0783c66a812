"""Step 3: hidden variables, up to an abstraction and down to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import png_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.display.samples import SamplesDisplay

__all__ = ["SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
train, test, _, labels = load()
""",
    """
model = hm.RBM(200, n_updates=$n_updates, learning_rate=0.1, random_state=0).fit(train)
hidden = model.transform(test)                           # up: an abstraction
drawn = model.sample(60, random_state=0)                 # down: new pictures
walk = model.inverse_transform(np.linspace(hidden[2], hidden[5], 12))
model.save("digits.safetensors")
""",
)

_N_NEIGHBOURS = 10


_HIDDEN = Formula(
    display(
        r"P(v,h)=\frac{e^{−E(v,h)}}{Z},",
        "P(v)=∑_h P(v,h),",
        "E(v,h)=−v^⊤ W h−b^⊤ v−c^⊤ h",
    ),
    "v: the pixels. h: the hidden variables, summed over, for nobody sees them.",
)


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET, n_updates=3_000 if workshop.quick else 20_000)
    train, test, labels = made["train"], made["test"], made["labels"]
    shares = _neighbour_shares(made["model"], train, test, labels)
    by_space = {name: share for name, _, share in shares}
    return Page(
        title="What is behind the pixels",
        lead="A pixel knows its neighbours, but nothing of the stroke it belongs to. Hidden "
        "variables can: 200 of them learn, from pictures alone, which pixels go together. "
        "Going up, a picture becomes an abstraction; going down, an abstraction becomes a "
        "picture.",
        finding="Nearest neighbours of the same class: "
        f"{by_space['hidden probabilities']:.1%} in latent space, {by_space['pixels']:.1%} in "
        "pixels.",
        blocks=[
            _HIDDEN,
            snippet.block(),
            Text("Generation: what the model draws when nothing is given."),
            png_picture(
                SamplesDisplay(rows=made["drawn"]).image(),
                "Sixty small pictures of digits drawn by the model",
                "Sixty digits that nobody wrote: draws from P(v), by Gibbs sampling between v "
                "and h.",
            ),
            Text(
                "Between two abstractions lie others. Decoding the way from one to the other "
                "shows what the hidden variables treat as near."
            ),
            _walked(test, made["walk"], labels),
            Text(
                "Is near in latent space near in meaning? For each unseen digit, count how many "
                "of its ten nearest neighbours belong to its own class."
            ),
            Table(
                ("space", "numbers a digit", "neighbours of the same class"),
                [(name, str(size), f"{share:.1%}") for name, size, share in shares],
                caption=f"The ten nearest of {len(test)} unseen digits, themselves left out. "
                "Labels were never shown to any of the three.",
            ),
        ],
        summary=[
            f"200 hidden variables learned from {len(train)} digits without labels.",
            *(f"  same class among ten nearest, {name}: {share:.1%}" for name, _, share in shares),
        ],
    )


def _walked(test: NDArray[Any], walk: NDArray[Any], labels: NDArray[np.int64]) -> Picture:
    """The way between the two digits that the snippet names."""
    return png_picture(
        SamplesDisplay(rows=np.concatenate([test[[2]], walk, test[[5]]]), columns=14).image(),
        f"A {labels[2]} that turns step by step into a {labels[5]}",
        f"From a {labels[2]} (first) to a {labels[5]} (last) in equal steps of the hidden "
        "probabilities; each step decoded to the expected pixels.",
    )


def _neighbour_shares(
    model: Any, train: NDArray[Any], test: NDArray[Any], labels: NDArray[np.int64]
) -> list[tuple[str, int, float]]:
    """Share of the nearest neighbours that share the label, by space."""
    size = min(model.n_components, train.shape[1] // 2)
    spaces = {
        "pixels": test.astype(np.float64),
        "principal components": PCA(size, random_state=0).fit(train).transform(test),
        "hidden probabilities": model.transform(test),
    }
    shares = []
    for name, rows in spaces.items():
        near = NearestNeighbors(n_neighbors=_N_NEIGHBOURS).fit(rows).kneighbors()[1]
        shares.append((name, rows.shape[1], float((labels[near] == labels[:, None]).mean())))
    return shares
