"""Pages and pictures: blocks and their look."""
