"""Metrics on arrays, in float64, with mask and data range given."""
