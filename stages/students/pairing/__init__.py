"""Two students that are trained together: each step's paths are shared out among them by the router, and a
peer term has them learn from each other."""
