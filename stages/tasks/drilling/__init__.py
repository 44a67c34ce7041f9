"""Drills that are written in the forms of the generated tasks."""
