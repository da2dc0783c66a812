"""Questions to models of aligned sequences."""
