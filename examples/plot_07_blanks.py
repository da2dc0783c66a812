"""
The missing word
================

A chain of words, counted from Python's own manual (which ships with Python). Which word belongs
into a blank depends on both sides of it: the answer is the exact posterior.
"""

import re
from pydoc_data.topics import topics

import harmonium as hm

text = " ".join(" ".join(topics.values()).split())
sentences = re.findall(r"[A-Z][a-z][^.:*`|]{20,200}\.", text)
model = hm.NGram(3, tokenizer="words", lowercase=True).fit(sentences[:-200])
print(f"{len(sentences):,} sentences, {len(model.vocabulary_):,} words")
print(f"perplexity of 200 unseen ones: {model.perplexity(sentences[-200:]):.0f}")

# %%
# Words ranked by P(word here given the rest of the sentence).
_ = hm.display.BlanksDisplay.from_estimator(model, "the value of the ___ is a ___ object")

# %%
# Greed says the same thing again and again; dice say something new.
print("greed:", model.sample(1, greedy=True, max_length=20)[0])
for said in model.sample(3, max_length=20, random_state=1):
    print("dice: ", said)

# %%
# A draw of a whole sentence that holds what one wants, without rejection.
for said in model.sample(3, contains=["exception"], length=(6, 14), random_state=0):
    print(said)
