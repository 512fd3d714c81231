"""Versions of what the workflow made: published with DVC under a seal, restored with the proof that it still holds."""
