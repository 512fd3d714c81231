"""The answer of the experiment across laboratories: scores, differences, classes, mistakes, one sentence."""
