"""Figures of a training run, and of what its method does inside."""
