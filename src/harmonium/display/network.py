"""The graph of a network: variables as circles, factors as squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from harmonium.display.base import Display, ink, new_axes

if TYPE_CHECKING:
    from harmonium.models.network.forms.drawing import Graph, Palette

__all__ = ["NetworkDisplay"]


@dataclass(kw_only=True)
class NetworkDisplay(Display):
    """Variables as named circles, a square for each factor.

    Parameters
    ----------
    graph : Graph
        Names, and the variables of each factor.
    places : array of shape (n_variables, 2), optional
        Where variables stand, and each factor amid its own; None lays all out by springs.
    palette : Palette, optional
        Colours; None: those of matplotlib's style.
    """

    graph: Graph
    places: Any = None
    palette: Palette | None = None

    @classmethod
    def from_estimator(
        cls, model: Any, *, places: Any = None, palette: Palette | None = None, ax: Any = None
    ) -> Self:
        """The graph of a network of factors.

        Parameters
        ----------
        model : MarkovNetwork
            Of other models: ``model.to_network()``.
        places : array of shape (n_variables, 2), optional
            Where variables stand; None lays all out by springs, some seconds for a thousand.
        palette : Palette, optional
            Colours; None: those of matplotlib's style.
        ax : matplotlib Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        NetworkDisplay
        """
        if not hasattr(model, "graph"):
            raise TypeError(f"model must be a MarkovNetwork, got {type(model).__name__}")
        check_is_fitted(model)
        return cls(graph=model.graph(), places=places, palette=palette).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        from harmonium.models.network.forms.drawing import Palette, draw

        ax = new_axes(6.0, 4.0) if ax is None else ax
        palette = self.palette
        if palette is None:
            palette = Palette(factor="C1", rim="C0", ink=ink())
        draw(ax, self.graph, palette, places=self.places, largest=620.0)
        return self._drawn_in(ax)
