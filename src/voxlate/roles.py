"""Roles: what an image, or who made it, is called in scores, files and pages: the model, a baseline, the real image."""

from __future__ import annotations

MODEL = "model"
"""What tables call the prediction of the model itself, beside those of baselines and views."""
LABELS = "labels"
"""The contrast that label maps are."""
BASELINES = ("identity", "lookup")
"""The trivial methods that every table shows: source against target, and mean target value given the source value."""
IDENTITY, LOOKUP = BASELINES
REAL, SYNTHETIC, WITHOUT, TRUTH = "real", "synthetic", "without", "truth"
ARMS = (REAL, SYNTHETIC, WITHOUT)
