"""What jobs need of a cluster, as learned from jobs that were measured."""
