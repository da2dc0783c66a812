"""
Who speaks to whom
==================

Spins on a ring, drawn from couplings that we know. A Boltzmann machine is given the draws alone
and finds the couplings again.
"""

import numpy as np

import harmonium as hm

n = 12
ring = [hm.Factor([i, (i + 1) % n], np.exp([[0.6, -0.6], [-0.6, 0.6]])) for i in range(n)]
rows = hm.MarkovNetwork(ring).sample(2000, random_state=0)
model = hm.BoltzmannMachine(learner="exact", random_state=0).fit(rows)

# %%
# The strength of every pair, without being told that there is a ring. A table of couplings with
# entries of 0.6 and -0.6 has the norm 1.2.
_ = hm.display.CouplingsDisplay.from_estimator(model)

# %%
pairs = {frozenset((i, j)): norm for i, j, norm in model.coupling_norms()}
near = [norm for pair, norm in pairs.items() if abs(np.subtract(*pair)) in (1, n - 1)]
far = [norm for pair, norm in pairs.items() if abs(np.subtract(*pair)) not in (1, n - 1)]
print(f"neighbours: {min(near):.2f} to {max(near):.2f}; others: at most {max(far):.2f}")
