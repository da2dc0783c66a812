"""Sweeps, energies and counts of pairs: compiled, and a plain twin of each."""
