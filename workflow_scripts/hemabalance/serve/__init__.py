"""`hemabalance serve`: a local page that classifies the images a person drops on it. See README.md beside this file."""
