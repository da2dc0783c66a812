"""Counting n-grams, in memory or by an engine."""
