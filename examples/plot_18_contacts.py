"""
Contacts from sequences
=======================

Columns of an alignment that vary together are mostly in contact. Here a family is drawn from
known couplings between some columns; a Boltzmann machine is given the sequences alone.
"""

import numpy as np

import harmonium as hm

generator = np.random.default_rng(0)
letters = "-ACGU"
n_columns, n_states = 24, len(letters)
known = np.zeros((n_columns, n_columns), dtype=bool)
for i in range(10):  # a hairpin: both ends run side by side
    known[i, n_columns - 1 - i] = known[n_columns - 1 - i, i] = True
tables = [
    hm.Factor([int(i), int(j)], np.exp(generator.normal(0, 1.0, (n_states, n_states))))
    for i, j in zip(*np.nonzero(np.triu(known)), strict=True)
]
tables += [hm.Factor([i], np.exp(generator.normal(0, 0.3, n_states))) for i in range(n_columns)]
network = hm.MarkovNetwork(tables)
order = np.argsort(network.variables_)
states = network.sample(1500, random_state=0)[:, order]
strings = ["".join(letters[s] for s in row) for row in states]
family = hm.Alignment.from_sequences(strings, alphabet="rna")

# %%
# The pairs that a fit by pseudo-likelihood holds for coupled most. Grey squares: the couplings
# that the sequences were drawn from. In the second colour: pairs that are none of them.
model = hm.BoltzmannMachine(learner="pseudo", random_state=0).fit(family)
shown = hm.display.CouplingsDisplay.from_estimator(model, known=known, n=10, separation=3)
frame = hm.sequences.contacts(model)
best = frame[(frame["j"] - frame["i"]) >= 3][:10]
print(f"{known[best['i'], best['j']].sum()} of the first 10 pairs are right")

# %%
# Every single mutant of the first sequence: blue is more probable, red less.
_ = hm.display.MutationsDisplay.from_estimator(model, family[0])
