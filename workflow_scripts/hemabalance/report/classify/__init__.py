"""Tables and figures of classifiers."""
