"""The failure drill: faults are put into real runs from outside, and what comes of each is compared."""
