"""Training: batches, the loop, checkpoints, tuning."""
