"""Chains of words made out of other chains: mixed, pruned, quantised."""
