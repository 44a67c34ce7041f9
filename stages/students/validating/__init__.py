"""Checks a file of chats before a student is trained on it: lengths, mask, roles, copies, leaks."""
