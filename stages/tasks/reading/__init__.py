"""Reading data sets: the Hub and folders shaped like it, JSON lines, gold answers, options, tables."""
