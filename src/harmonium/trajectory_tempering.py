"""An RBM sampled by way of the models it was while it learned."""

from __future__ import annotations

from harmonium.questions.trajectory_tempering import TrajectoryTempering, fit_with_path

__all__ = ["TrajectoryTempering", "fit_with_path"]
