"""Several processes at one work: those of a training, the workers of a cluster, the jobs of an array."""
