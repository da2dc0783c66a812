"""Sweeps of a grid: fast forms, each with a plain twin."""
