"""The one training loop; it knows no model."""
