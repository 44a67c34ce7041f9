"""How well two classes are told apart: labels, probabilities, thresholds, calibration, abstention."""
