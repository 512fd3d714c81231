"""Image synthesis: the generators in `methods/`, and the code of the stage that they share. See README.md."""
