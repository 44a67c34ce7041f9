"""Model folders: what one points to (folders), how it is pinned (pinning), written (saving), loaded (loading)
and rendered (templates); the hash of our code (code) and the allocator (allocator).

May import: shared. torch, transformers and the Hub's client are imported inside functions only.
"""
