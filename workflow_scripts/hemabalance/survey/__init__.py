"""`hemabalance init`: look at laboratories without decoding everything, and propose a config, guesses marked."""
