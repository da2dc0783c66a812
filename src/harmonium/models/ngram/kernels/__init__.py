"""Compiled loops over bytes, words and n-grams.

Their plain twin is the dictionary-based chain of ``tests/support/ngram_oracle.py``. Each runs on
the thread that calls it and lets go of the interpreter's lock.
"""
