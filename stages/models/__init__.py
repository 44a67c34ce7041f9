"""Model folders: what one points to, how it is hashed, loaded and rendered. torch and transformers are
imported on loading only."""
