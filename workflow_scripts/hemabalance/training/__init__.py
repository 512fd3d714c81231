"""The training core: devices, batches, losses, averages, checkpoints, and the loop that survives anything."""
