"""Several trained models compared: paired statistics over cases and seeds."""
