"""Exact answers by elimination, and messages where that is too wide."""
