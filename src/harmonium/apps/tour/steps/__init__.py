"""The steps of the tour, a page each."""
