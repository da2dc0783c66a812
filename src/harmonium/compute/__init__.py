"""What runs on the machine: random numbers, draws, threads, devices, progress."""
