"""One function over many rows, order kept: in several processes of this machine, or on a Ray cluster.

Imports `shared` only.
"""
