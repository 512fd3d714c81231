"""What is measured on images and predictions, one metric a file."""
