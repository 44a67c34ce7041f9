"""Markdown pages for a person to read."""
