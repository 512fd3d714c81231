"""Classification: methods in `methods/`; training, evaluation, export and prediction."""
