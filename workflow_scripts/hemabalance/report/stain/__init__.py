"""Tables and figures of stain normalisers."""
