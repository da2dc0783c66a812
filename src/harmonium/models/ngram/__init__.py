"""Chains over words."""
