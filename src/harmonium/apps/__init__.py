"""For people: the command line, reports, the tour."""
