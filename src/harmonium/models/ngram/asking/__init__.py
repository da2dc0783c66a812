"""Questions to an n-gram model."""
