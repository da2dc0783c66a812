"""Noise channels: how a noisy x comes from a clean one; for ``correct(X, noise=...)``."""

from __future__ import annotations

from harmonium.contract.noise import BitFlip, Cells, Edits, Gaussian, NoiseChannel, Replace, Typos

__all__ = ["BitFlip", "Cells", "Edits", "Gaussian", "NoiseChannel", "Replace", "Typos"]
