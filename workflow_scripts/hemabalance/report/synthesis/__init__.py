"""Tables and figures of generators."""
