"""Images with neighbouring pixels."""
