"""Settings of all tests."""

import os

# No test reads or writes the features that the user keeps. Tests of the cache choose a folder of their own, and so does
# each project in which a workflow runs (`helpers.project.environment_variables`).
os.environ["HEMABALANCE_FEATURES"] = "0"
