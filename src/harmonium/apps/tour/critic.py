"""A critic of few words: seven reviews, and rounded tables of how one word follows others.

Figures are as the worked example gives them: the column after "the" sums to 0.97, those of
``MORE`` to less, and what is missing belongs to words that are not listed.
"""

from __future__ import annotations

__all__ = ["MORE", "OPENING", "REVIEWS"]

REVIEWS = [
    "An unexpected and necessary masterpiece",
    "Delightfully merged information and comedy",
    "Director's first true masterpiece",
    "Sci-fi perfection, truly mesmerizing film.",
    "Waste of time and money",
    "Best Lame Historical Movie Ever",
    "More realistic than real life",
]

#: How reviews begin: the first word, the second after "the", the third after "the movie".
OPENING = {
    "": {
        "the": 0.62,
        "movie": 0.1,
        "amazing": 0.01,
        "useless": 0.01,
        "was": 0.01,
        "is": 0.01,
        "masterpiece": 0.01,
        "I": 0.21,
        "liked": 0.01,
        "decent": 0.01,
    },
    "the": {
        "the": 0.01,
        "movie": 0.4,
        "amazing": 0.22,
        "useless": 0.2,
        "was": 0.0,
        "is": 0.0,
        "masterpiece": 0.11,
        "I": 0.0,
        "liked": 0.01,
        "decent": 0.02,
    },
    "the movie": {
        "the": 0.01,
        "movie": 0.01,
        "amazing": 0.01,
        "useless": 0.03,
        "was": 0.6,
        "is": 0.3,
        "masterpiece": 0.01,
        "I": 0.01,
        "liked": 0.01,
        "decent": 0.01,
    },
}

#: What is needed to score "more realistic than real life", one or two words back.
MORE = {
    "": {"more": 0.2},
    "more": {"realistic": 0.25},
    "more realistic": {
        "than": 0.61,
        "as": 0.12,
        "for": 0.14,
        "real": 0.01,
        "the": 0.02,
        "life": 0.05,
    },
    "realistic than": {
        "than": 0.01,
        "as": 0.1,
        "for": 0.09,
        "real": 0.5,
        "the": 0.12,
        "life": 0.11,
    },
    "than real": {"than": 0.2, "as": 0.16, "for": 0.05, "real": 0.01, "the": 0.12, "life": 0.33},
}
