"""Where the answer stands in a response: markers, boxes, final sentences, and what is discarded before."""
