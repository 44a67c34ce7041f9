"""Answers in words: options and their letters, yes and no, inference labels, names."""
