"""The parts of a grid model: cliques, energy, exact sums, how it learns, what it answers."""
