"""Kinds of variables: what they are counted by and drawn from, whatever model they are in."""
