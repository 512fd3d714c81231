"""Tables and image sets: manifests, duplicates, splits, and the one file format that images travel in."""
