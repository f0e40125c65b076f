"""How comparisons of several trained models are shown."""
