"""Formal proofs that an answer and the reference behave the same."""
