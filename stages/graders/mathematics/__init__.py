"""Expressions: from LaTeX to terms, and when two of them are equal."""
