"""P(y | x) of a machine with attributes y beside x, and its gradient: all states of y summed.

With h summed out, log P~(x, y) = b'y + sum_j softplus(o_j + y'U_j) up to what y does not change,
o = c + x'W: rows and states meet in the hidden units alone (Larochelle, Bengio 2008, eq. 2);
hidden units of another kind sum to something else of the same inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.contract.energy import Energy, Parameters
from harmonium.models.rbm.attributes import MAX_SUMMED_ATTRIBUTES, Attributes
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.base import Units

__all__ = ["AttributesGivenRows", "attributes_given_rows"]

#: Numbers in one block of rows x states x hidden units: 4 MiB of float32.
_BLOCK_ELEMENTS = 2**20


@dataclass(frozen=True)
class AttributesGivenRows:
    """P(y | x) where x are the first columns of a row, of units `own`, and columns beside are y.

    ``states (n_states, n_statistics)`` are the statistics of every joint state of y, in the order
    of :func:`~harmonium.units.space.states_of` for columns of `sizes` states. A row costs n_states
    * n_hidden numbers beside the product of x with the weights.
    """

    own: Units
    states: Tensor
    sizes: tuple[int, ...]

    def log_probability(self, energy: Energy, rows: Tensor) -> Tensor:
        """log P(y | x) in nats, float64 ``(n,)``."""
        found = []
        for part in torch.split(rows, self._n_at_once(energy)):
            log_weights, _ = self._summed(energy, part)
            at = self._places(part).unsqueeze(1)
            found.append(torch.log_softmax(log_weights.double(), 1).gather(1, at).squeeze(1))
        return torch.cat(found)

    def moments(self, energy: Energy, rows: Tensor, weights: Tensor) -> Parameters:
        """Weighted sum over rows of what :meth:`Energy.moments` expects under P(y' | x)."""
        assert isinstance(energy, RBMEnergy)
        total = {name: torch.zeros_like(value) for name, value in energy.parameters().items()}
        states = self.states.to(energy.device, energy.dtype)
        step, n = self._n_at_once(energy), self.own.n_statistics
        pairs = zip(torch.split(rows, step), torch.split(weights, step), strict=True)
        for part, share in pairs:
            log_weights, logits = self._summed(energy, part)
            # The weight of each row and state: the sum over states is the row's.
            posterior = torch.softmax(log_weights, 1).to(energy.dtype)
            posterior *= share.to(energy.dtype).unsqueeze(1)
            mean, beside = energy.hidden.expected(logits)
            for name, each in beside.items():
                total[name] = total.get(name, 0.0) + torch.einsum("nsh,ns->h", each, posterior)
            hidden = mean.mul_(posterior.unsqueeze(2))
            own, by_state = hidden.sum(1), hidden.sum(0)
            x, share = self._statistics(part), share.to(energy.dtype)
            total["weights"][:n].addmm_(x.T, own)
            total["weights"][n:].addmm_(states.T, by_state)
            total["visible_bias"][:n].addmv_(x.T, share)
            total["visible_bias"][n:].addmv_(states.T, posterior.sum(0))
            total["hidden_bias"].add_(own.sum(0))
        return total

    def labelled(self, observed: Tensor) -> Tensor:
        """Rows all of whose y is known: bool ``(n,)``."""
        return observed[:, self.own.n_variables :].all(1)

    def _statistics(self, rows: Tensor) -> Tensor:
        return self.own.statistics(rows[:, : self.own.n_variables])

    def _n_at_once(self, energy: Energy) -> int:
        assert isinstance(energy, RBMEnergy)
        n_hidden = energy.n_hidden
        return max(1, _BLOCK_ELEMENTS // (len(self.states) * n_hidden))

    def _summed(self, energy: Energy, rows: Tensor) -> tuple[Tensor, Tensor]:
        """log P~(x, y) less what is alike for all y, ``(n, n_states)``, and the hidden units'
        logits, ``(n, n_states, n_hidden)``."""
        assert isinstance(energy, RBMEnergy)
        weights, visible_bias, hidden_bias = energy.weights, energy.visible_bias, energy.hidden_bias
        states = self.states.to(energy.device, energy.dtype)
        n = self.own.n_statistics
        own = torch.addmm(hidden_bias, self._statistics(rows), weights[:n])
        logits = own.unsqueeze(1) + (states @ weights[n:]).unsqueeze(0)
        return energy.hidden.log_partition(logits) + states @ visible_bias[n:], logits

    def _places(self, rows: Tensor) -> Tensor:
        """The number of each row's state of y, int64 ``(n,)``: the last column is fastest."""
        place = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        for column, size in enumerate(self.sizes, start=self.own.n_variables):
            place = place * size + rows[:, column].long()
        return place


def attributes_given_rows(
    share: float, own: Units, attributes: Attributes | None
) -> AttributesGivenRows | None:
    """What a discriminative `share` of the objective needs, beside x of units `own`; None
    for a share of 0. Raises ``ValueError`` where there is no y, or too much of it to sum over."""
    if not share:
        return None
    wanted = f"discriminative={share!r} learns P(y given x) and wants y"
    if attributes is None:
        raise ValueError(f"{wanted}, a label or yes/no attributes; got y=None")
    if not attributes.summable:
        raise ValueError(
            f"{wanted} of at most {MAX_SUMMED_ATTRIBUTES} yes/no attributes, whose joint states "
            f"are summed; got {len(attributes.names)}"
        )
    return AttributesGivenRows(own, attributes.states(), attributes.units.sizes)
