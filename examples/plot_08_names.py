"""
Cities that are not on the map
==============================

Letters are words, too: an n-gram chain over the letters of the places after which time zones are
named draws names of new ones. log P says which real names are unusual.
"""

import zoneinfo

import numpy as np

import harmonium as hm

zones = sorted(zone for zone in zoneinfo.available_timezones() if zone.count("/") == 1)
names = sorted(
    {zone.split("/")[1].replace("_", " ").lower() for zone in zones if zone[:3] != "Etc"}
)
letters = [list(name) for name in names]
model = hm.NGram(4, smoothing="witten-bell").fit(letters)

# %%
drawn = ["".join(one) for one in model.sample(60, random_state=0)]
new = [name for name in drawn if name not in names and len(name) > 3]
print(f"{len(names)} real names; new ones:", ", ".join(new[:15]))

# %%
# The least and the most usual of the real names, by a letter's mean log P.
scores = model.score_samples(letters)
by_letter = sorted((s / (len(name) + 1), name) for s, name in zip(scores, names, strict=True))
for score, name in by_letter[:6] + by_letter[-6:]:
    print(f"{score:6.2f} nats a letter  {name}")

# %%
# What the model draws is about as likely under it as what it was learned from; letters in any
# order are not.
source = np.random.default_rng(0)
mixed = [source.permutation(name).tolist() for name in letters]
sets = {"real": letters, "drawn": [list(name) for name in drawn], "mixed up": mixed}
_ = hm.display.ScoresDisplay.from_estimator(model, sets)
