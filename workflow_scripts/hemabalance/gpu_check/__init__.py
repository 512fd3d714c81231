"""`hemabalance check-gpu`: what a GPU makes of the trainings of the full run: parity, speed, memory, time."""
