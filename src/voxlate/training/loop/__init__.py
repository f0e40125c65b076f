"""One training loop: batches, steps, validations, checkpoints, journal."""
