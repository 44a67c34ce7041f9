"""Traces as chats, and the mixture of formats by difficulty."""
