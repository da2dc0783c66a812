"""What is promised: the questions, the energies behind them, estimates, noise, files."""
