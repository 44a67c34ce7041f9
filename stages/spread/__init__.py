"""One function over many rows, order kept, in several processes of this machine.

Imports no other package of `stages`.
"""
