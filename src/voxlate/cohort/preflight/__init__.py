"""Looks for faults of a data set before it is trained on."""
