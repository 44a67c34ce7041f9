"""One function over many rows, in order: in several processes of this machine."""
