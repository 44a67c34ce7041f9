"""Every answer that was paid for or computed, in one SQLite file: the store, its claims, its writer, its
administration."""
