"""What is asked of models of aligned sequences: contacts, mutations, new sequences.

For models that were fitted on an :class:`harmonium.Alignment`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harmonium.questions.sequences.contacts import contacts
from harmonium.questions.sequences.design import design, nearest
from harmonium.questions.sequences.mutations import mutations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contact_map", "contacts", "design", "mutation_map", "mutations", "nearest"]


def contact_map(
    contacts: Any, n: int | None = None, *, known: Any = None, separation: int = 5
) -> Figure:
    """The strongest pairs of a frame of :func:`contacts`, as a map.

    The same as ``hm.display.CouplingsDisplay.from_contacts(...).figure_``.

    Parameters
    ----------
    contacts : frame with columns i, j, score
        Pairs, the strongest first.
    n : int, optional
        How many; None: as many as there are columns.
    known : bool array of shape (n_columns, n_columns), optional
        Contacts of a structure: drawn beneath, and pairs that are none in another colour.
    separation : int, default=5
        Pairs nearer than this along the sequence are not drawn.

    Returns
    -------
    matplotlib Figure
        ``figure.savefig("map.png")``.
    """
    from harmonium.display.couplings import CouplingsDisplay

    return CouplingsDisplay.from_contacts(contacts, n, known=known, separation=separation).figure_


def mutation_map(mutations: Any) -> Figure:
    """A frame of :func:`mutations` as a heat map: a column a position, a row a letter.

    The same as ``hm.display.MutationsDisplay(mutations=frame).plot().figure_``.

    Parameters
    ----------
    mutations : frame with columns position, from, to, score
        Every single mutant, in nats.

    Returns
    -------
    matplotlib Figure
    """
    from harmonium.display.mutations import MutationsDisplay

    return MutationsDisplay(mutations=mutations).plot().figure_
