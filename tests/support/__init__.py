"""Oracles, statistics and planted faults that tests share."""
