"""The table of graded answers, intervals, and how metrics and plots are written."""
