"""Problems put in styles, and the core prompt that the reasoning styles share."""
