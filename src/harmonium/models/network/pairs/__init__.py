"""Which pairs of variables share a table, learned from rows."""
