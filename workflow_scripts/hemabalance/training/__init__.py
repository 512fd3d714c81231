"""The training core: devices, batches, losses, weight averages, checkpoints, and a loop that can be interrupted."""
