"""The modules of the peer terms, and how two tokenizations of one text are brought together."""
