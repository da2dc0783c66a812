"""Rows of every kind, in and out."""
