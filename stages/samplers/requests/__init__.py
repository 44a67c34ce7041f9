"""Many requests at once: settings, concurrency and rate limits, retries, the write buffer before the memo."""
