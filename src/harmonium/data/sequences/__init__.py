"""Aligned sequences: alphabets, files, the alignment itself."""
