"""Network architectures, one a file, over shared layers; none knows what it is trained for."""
