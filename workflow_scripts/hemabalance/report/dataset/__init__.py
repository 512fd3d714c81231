"""Tables about the source archives."""
