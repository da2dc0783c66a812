"""Markov networks of factor tables."""
