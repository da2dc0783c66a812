"""Step 3: hidden variables, up to an abstraction and down to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import png_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.display.samples import SamplesDisplay

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.digits import load
train, test, _, labels = load()
""",
    """
model = hm.RBM(200, n_updates=$n_updates, random_state=0).fit(train)
hidden = model.transform(test)                           # up: an abstraction
drawn = model.sample(60, random_state=0)                 # down: new pictures
walk = model.inverse_transform(np.linspace(hidden[2], hidden[5], 12))
model.save("digits.safetensors")
""",
)
MEASURED = Snippet(
    """
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
few = 32                                                 # numbers a digit
""",
    """
small = hm.RBM(few, n_updates=$n_updates, random_state=0).fit(train)
components = PCA(few, random_state=0).fit(train)
spaces = {"pixels": test,
          "principal components": components.transform(test),
          "probabilities of as many hidden variables": small.transform(test),
          "probabilities of the model's hidden variables": hidden}
near = {name: NearestNeighbors(n_neighbors=10).fit(rows).kneighbors()[1]
        for name, rows in spaces.items()}
shares = {name: (labels[rows] == labels[:, None]).mean(axis=1)
          for name, rows in near.items()}
more = {name: own - shares["pixels"] for name, own in shares.items()}

def error(values):
    return values.std(ddof=1) / np.sqrt(len(values))
""",
)

_HIDDEN = Formula(
    display(
        r"P(v,h)=\frac{e^{−E(v,h)}}{Z},",
        "P(v)=∑_h P(v,h),",
        "E(v,h)=−v^⊤ W h−b^⊤ v−c^⊤ h",
    ),
    "v: the pixels. h: the hidden variables, summed over, for nobody sees them.",
)


def page(workshop: Workshop) -> Page:
    n_updates = 3_000 if workshop.quick else 20_000
    snippet, made = workshop.run(SNIPPET, n_updates=n_updates)
    measured, made = workshop.run(MEASURED, onwards=made, n_updates=n_updates)
    train, test, labels = made["train"], made["test"], made["labels"]
    shares = {name: float(share.mean()) for name, share in made["shares"].items()}
    picture = png_picture(
        SamplesDisplay(rows=made["drawn"]).image(),
        "Sixty small pictures of digits drawn by the model",
        "Sixty digits that nobody wrote: draws from P(v), by Gibbs sampling between v and h.",
    )
    return Page(
        title="What is behind the pixels",
        lead="A pixel knows its neighbours, but nothing of the stroke it belongs to. Hidden "
        "variables can: 200 of them learn, from pictures alone, which pixels go together. "
        "Going up, a picture becomes an abstraction; going down, an abstraction becomes a "
        "picture.",
        finding="Nearest neighbours of the same class: "
        f"{list(shares.values())[-1]:.1%} in latent space, {shares['pixels']:.1%} in pixels.",
        blocks=[
            _HIDDEN,
            snippet.block(),
            Text("Generation: what the model draws when nothing is given."),
            picture,
            Text(
                "Between two abstractions lie others. Decoding the way from one to the other "
                "shows what the hidden variables treat as near."
            ),
            _walked(test, made["walk"], labels),
            Text(
                "Is near in latent space near in meaning? For each unseen digit, count how many "
                "of its ten nearest neighbours belong to its own class."
            ),
            _compared(made),
            measured.measuring(),
        ],
        summary=[
            f"200 hidden variables learned from {len(train)} digits without labels.",
            *(
                f"  same class among ten nearest, {name}: {share:.1%}"
                for name, share in shares.items()
            ),
        ],
        picture=picture,
    )


def _walked(test: NDArray[Any], walk: NDArray[Any], labels: NDArray[np.int64]) -> Picture:
    """The way between the two digits that the snippet names."""
    return png_picture(
        SamplesDisplay(rows=np.concatenate([test[[2]], walk, test[[5]]]), columns=14).image(),
        f"A {labels[2]} that turns step by step into a {labels[5]}",
        f"From a {labels[2]} (first) to a {labels[5]} (last) in equal steps of the hidden "
        "probabilities; each step decoded to the expected pixels.",
    )


def _compared(made: dict[str, Any]) -> Table:
    """Each space, with the error of its mean over digits, and of its difference from pixels."""
    error = made["error"]
    rows = [
        (
            name,
            str(made["spaces"][name].shape[1]),
            f"{own.mean():.1%} ± {error(own):.1%}",
            "" if name == "pixels" else f"{more.mean():+.1%} ± {error(more):.1%}",
        )
        for (name, own), more in zip(made["shares"].items(), made["more"].values(), strict=True)
    ]
    return Table(
        ("space", "numbers a digit", "neighbours of the same class", "more than pixels"),
        rows,
        caption=f"The ten nearest of {len(made['test'])} unseen digits, themselves left out; "
        "after ±, a standard error over digits. Labels were never shown to any of them.",
    )
