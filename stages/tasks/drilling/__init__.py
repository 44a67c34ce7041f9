"""Rows that a base model begins with: what their tasks share, and drills of looking something up."""
