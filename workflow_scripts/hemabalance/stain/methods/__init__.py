"""Methods of stain normalisation, one folder each; the list of folders is the registry (`hemabalance.methods`)."""
