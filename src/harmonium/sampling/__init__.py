"""Chains, and numbers out of chains, for any energy."""
