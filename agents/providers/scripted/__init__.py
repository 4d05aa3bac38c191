"""A model whose answers are written down in the config."""
