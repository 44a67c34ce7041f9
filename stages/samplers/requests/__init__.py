"""Many requests at once: settings, concurrency and rate limits, retries, batches, the write buffer before the
memo."""
