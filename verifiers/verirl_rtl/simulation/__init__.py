"""Simulation: generated inputs, recording the reference, and replaying the inputs into answers."""
