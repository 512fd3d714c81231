"""Tables of what the archives hold."""
