"""N-gram models in files, and from tables."""
