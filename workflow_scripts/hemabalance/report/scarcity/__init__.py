"""The answer of the scarcity experiment: scores over n, differences, share of the gap, one sentence, contact sheets."""
