"""What stands behind `archives.open_archive`: one module for each format, and the checks that they share."""
