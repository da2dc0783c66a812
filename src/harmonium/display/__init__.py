"""Pictures of fitted models, in the manner of ``sklearn.metrics``' displays.

``SomeDisplay.from_estimator(model, ...)`` works out what is to be seen and draws it with
matplotlib, into ``ax=`` or into a figure of its own; the display keeps the numbers, ``ax_`` and
``figure_``, and ``plot(ax=...)`` draws them again. All of it wants matplotlib, the extra ``plot``.
"""

from __future__ import annotations

from harmonium.contract.extras import check_plot
from harmonium.display.base import Display
from harmonium.display.blanks import BlanksDisplay
from harmonium.display.chains import ChainsDisplay
from harmonium.display.columns import ColumnsDisplay
from harmonium.display.completions import CompletionsDisplay
from harmonium.display.correlations import CorrelationsDisplay
from harmonium.display.couplings import CouplingsDisplay
from harmonium.display.errors import ErrorsDisplay
from harmonium.display.learning import LearningCurveDisplay
from harmonium.display.logos import LogosDisplay
from harmonium.display.marginals import MarginalsDisplay
from harmonium.display.mutations import MutationsDisplay
from harmonium.display.network import NetworkDisplay
from harmonium.display.partition import PartitionDisplay
from harmonium.display.potentials import PotentialsDisplay
from harmonium.display.samples import SamplesDisplay
from harmonium.display.scores import ScoresDisplay
from harmonium.display.units import UnitsDisplay
from harmonium.display.weights import WeightsDisplay

check_plot("harmonium.display")  # before any work

__all__ = [
    "BlanksDisplay",
    "ChainsDisplay",
    "ColumnsDisplay",
    "CompletionsDisplay",
    "CorrelationsDisplay",
    "CouplingsDisplay",
    "Display",
    "ErrorsDisplay",
    "LearningCurveDisplay",
    "LogosDisplay",
    "MarginalsDisplay",
    "MutationsDisplay",
    "NetworkDisplay",
    "PartitionDisplay",
    "PotentialsDisplay",
    "SamplesDisplay",
    "ScoresDisplay",
    "UnitsDisplay",
    "WeightsDisplay",
]
