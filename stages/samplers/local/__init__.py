"""Answers of a transformers model that is loaded here: generation in batches, kept in the memo, steered by
logits processors."""
