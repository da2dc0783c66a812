"""The RBM's update: fast forms, each with a plain twin."""
