"""Tables and image sets: manifests, duplicates, splits, and the file format of images between stages."""
