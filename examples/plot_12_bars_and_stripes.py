"""
Learning without noise: bars and stripes
========================================

On 3x3 pixels every sum can be done. The fourteen pictures of bars and stripes are equally likely,
so no model can do better than log(1/14) a picture; an RBM that climbs the exact gradient comes
near to it, and draws nothing else.
"""

import itertools

import numpy as np
from matplotlib import pyplot as plt

import harmonium as hm

bars = [np.repeat([row], 3, axis=0) for row in itertools.product((0, 1), repeat=3)]
pictures = {tuple(p.ravel().tolist()) for bar in bars for p in (bar, bar.T)}
rows = np.array(sorted(pictures))
print(
    f"{len(rows)} pictures; the best possible is log(1/{len(rows)}) = {-np.log(len(rows)):.4f} nats"
)

# %%
# One fit after another, each going on for longer, with the exact gradient.
lengths = (30, 100, 300, 1000, 3000, 10000)
ways = {"learner": "exact", "learning_rate": 0.5, "validation_fraction": 0, "weight_decay": 0.0}
models = [hm.RBM(8, n_updates=n, random_state=0, **ways).fit(rows) for n in lengths]
scores = [model.score(rows) for model in models]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
best = {"baseline": -np.log(len(rows)), "baseline_name": "best possible"}
hm.display.LearningCurveDisplay(update=lengths, train=scores, **best).plot(axes[0])
axes[0].set_xscale("log")
hm.display.SamplesDisplay.from_estimator(models[-1], 60, shape=(3, 3), random_state=0, ax=axes[1])
_ = axes[1].set_title("draws")

# %%
drawn = models[-1].sample(1000, random_state=1)
known = np.mean([tuple(row) in pictures for row in drawn.astype(int).tolist()])
print(f"{scores[-1]:.4f} nats; {known:.1%} of 1,000 draws are bars or stripes")
