"""Boltzmann machines: every pair of variables may be coupled, of any number of states."""
