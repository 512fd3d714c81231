"""Network architectures, one per module, and the layers they share; none depends on a training."""
