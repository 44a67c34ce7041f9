"""Problems put in styles, and what the styles share: the problem as text, the core prompt."""
