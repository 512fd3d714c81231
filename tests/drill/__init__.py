"""The failure drill: inject faults into real runs from outside, and compare the results with an undisturbed run."""
