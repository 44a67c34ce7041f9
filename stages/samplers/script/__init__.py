"""The texts of the scripted teacher: how each style is written, and how an answer is made wrong."""
