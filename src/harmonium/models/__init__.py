"""How P(x) factorises: a folder a model."""
