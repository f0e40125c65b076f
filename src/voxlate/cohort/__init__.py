"""Cohorts: cases, folder layouts, splits and the checks before training."""
