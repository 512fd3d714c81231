"""Memory and run time of cluster jobs, estimated from measured jobs."""
