"""The parts of an n-gram chain: texts to numbers, counts, smoothing, the trie, its questions."""
