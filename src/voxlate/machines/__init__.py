"""More than one process at one piece of work: the processes of a training, the workers of a cluster, the shards of a job."""
