"""The memo: every answer that was paid for or computed, in one SQLite file, with its claims, its writer and
its administration."""
