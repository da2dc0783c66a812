"""The parts of a report: the page, its figures, and what each kind of model has to show."""
