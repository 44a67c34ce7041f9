"""Expressions: from LaTeX to trees, and whether two trees are equal."""
