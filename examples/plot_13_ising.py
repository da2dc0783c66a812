"""
Who speaks to whom
==================

Spins on a ring, drawn from couplings that we know. A Boltzmann machine is given the draws alone
and finds the couplings again.
"""

import numpy as np
from matplotlib import pyplot as plt

import harmonium as hm

n = 12
ring = [hm.Factor([i, (i + 1) % n], np.exp([[0.6, -0.6], [-0.6, 0.6]])) for i in range(n)]
rows = hm.MarkovNetwork(ring).sample(2000, random_state=0)
model = hm.BoltzmannMachine(learner="exact", random_state=0).fit(rows)

# %%
# The strength of every pair, without being told that there is a ring. A table of couplings with
# entries of 0.6 and -0.6 has the norm 1.2.
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
hm.display.CouplingsDisplay.from_estimator(model, ax=axes[0])
found = np.zeros((n, n))
for i, j, norm in model.coupling_norms():
    found[i, j] = found[j, i] = norm
near = [found[i, (i + 1) % n] for i in range(n)]
far = [found[i, j] for i in range(n) for j in range(i) if (i - j) % n not in (1, n - 1)]
axes[1].hist([near, far], bins=25, label=["neighbours", "others"], stacked=True)
axes[1].axvline(1.2, color="black", linestyle="--", linewidth=1)
axes[1].set(xlabel="norm of the coupling", ylabel="pairs")
_ = axes[1].legend()
