"""Questions to any fitted model, through the contract alone."""
