"""The parts of a Markov network: factors, structure, exact sums, what learns and what asks."""
