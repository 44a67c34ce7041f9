"""Model folders: what one points to (folders), how it is pinned (pinning), hashed, loaded (loading) and
rendered (templates).

May import: shared. torch, transformers and the Hub's client are imported inside functions only.
"""
