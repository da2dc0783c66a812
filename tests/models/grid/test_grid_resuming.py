"""A grid's training loop that is taken up again goes on as if it had never stopped."""

from __future__ import annotations

import numpy as np
import torch

from harmonium.contract.energy import Chains
from harmonium.learning.trainer import Batches, Persistent, Settings, Trainer
from harmonium.models.grid.cliques import Cliques, filters_for
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.start import base_table, initial_energy


def trainer(n_updates: int) -> Trainer:
    source = np.random.Generator(np.random.SFC64(0))
    x = source.integers(0, 3, (20, 16))
    cliques = Cliques(filters_for("difference", 4), 3)
    energy: GridEnergy = initial_energy(
        cliques, (4, 4), base_table(x, np.ones(20), 3, False), False
    )
    rows = torch.from_numpy(x).float()
    return Trainer(
        energy,
        Persistent(Chains(rows[:5].clone()), 1),
        Batches(20, 5, source),
        lambda index: rows[torch.from_numpy(index)],
        Settings(n_updates, 5, 0.3, 0.0),
        source,
    )


def test_running_counts_are_kept_with_the_loop():
    whole, first, second = trainer(120), trainer(120), trainer(120)
    states = []
    first.keep = lambda loop: states.append(loop.state())
    first.run()
    whole.run()
    arrays, facts = states[0]
    assert facts["update"] < 120
    second.restore(arrays, facts)
    second.run()
    for name, tensor in whole.energy.parameters().items():
        assert torch.equal(second.energy.parameters()[name], tensor)
