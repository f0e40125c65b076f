"""The anatomy of the head: brain, cortex, scalp, lesions."""
