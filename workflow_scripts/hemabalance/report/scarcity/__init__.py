"""The answer of the scarcity experiment: scores over n, differences, share of the gap, and one sentence."""
