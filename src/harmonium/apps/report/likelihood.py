"""log Z and log-likelihoods in plain words: with their errors, and when not to trust them."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.apps.pages.blocks import Caution
from harmonium.contract.estimates import LogZ, Status

__all__ = ["log_z_cautions", "log_z_row", "score_row"]

_METHODS = {
    "ais": "annealed importance sampling",
    "raise": "reverse annealing",
    "trajectory": "particles along the fit",
    "trajectory_tempering": "tempering along the fit",
}


def log_z_row(log_z: LogZ) -> tuple[str, str]:
    """What log Z is, and how it was found."""
    how = _METHODS.get(log_z.method, log_z.method)
    if log_z.n_chains:
        how += f", {log_z.n_chains:,} chains, {log_z.n_temperatures:,} temperatures"
    return f"log Z ({how})", _figure(log_z.value, log_z.std_error)


def score_row(model: Any, data: Any, log_z: LogZ) -> tuple[str, str]:
    """Mean log-likelihood of the data's rows, its error that of the mean and of log Z."""
    scores = np.asarray(model.score_samples(data))
    spread = scores.std(ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else 0.0
    error = float(np.hypot(spread, log_z.std_error))
    count = f"{len(scores):,} row{'' if len(scores) == 1 else 's'}"
    return f"log-likelihood of a row of the data ({count})", _figure(float(scores.mean()), error)


def _figure(value: float, error: float) -> str:
    if not np.isfinite(value):
        return "not finite"
    return f"{value:,.2f}" + (f" ± {error:.2f}" if error else "")


def log_z_cautions(log_z: LogZ) -> list[Caution]:
    """Why the likelihood is not to be trusted, if it is not."""
    name = log_z.method.upper()
    if log_z.status == "few_effective_chains":
        return [
            Caution(
                f"{name} kept {log_z.effective_chains:.0f} of {log_z.n_chains} chains: do not "
                "trust the log-likelihood. It is likely to flatter the model. More temperatures "
                "help."
            )
        ]
    if log_z.status == "nonfinite":
        return [Caution(f"{name} found no finite log Z: there is no log-likelihood to trust.")]
    if log_z.status != "ok":
        return [
            Caution(
                f"Do not trust the log-likelihood, which rests on log Z by {name}. "
                f"{Status(log_z.status).sentence}"
            )
        ]
    return []
