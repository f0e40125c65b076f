"""Doors: how pipelines of others come to a translation, each by the rules of its house."""
