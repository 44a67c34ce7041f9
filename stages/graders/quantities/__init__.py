"""Numbers: digits, numerals in words, units, currency, literals in code."""
