"""Sources: from untrusted archives to inventories, labels and image sets."""
