"""`python -m hemabalance`: the command line, also where the package is not installed."""

import sys

from hemabalance.cli import main

if __name__ == "__main__":
    sys.exit(main())
