"""Tables and figures of balanced sets."""
