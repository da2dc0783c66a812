"""The restricted Boltzmann machine."""
