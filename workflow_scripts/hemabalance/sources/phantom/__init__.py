"""Synthetic blood-smear photographs in two stains, and archives of them in the layouts of the two sources."""
