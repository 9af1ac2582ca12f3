"""Answers that attack the optics verifier."""
