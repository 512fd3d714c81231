"""Synthesis of images: methods in `methods/`, and what the stage does with any of them."""
