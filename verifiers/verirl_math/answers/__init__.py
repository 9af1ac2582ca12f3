"""Find the answer in a completion, and judge how it is written.

`extract` finds the answer, with `box_context` (what touches the box) and `retractions` (answers that are
denied or replaced). `unevaluated` rejects answers that only repeat the question, and `simplification` scores
how simple a right answer is.
"""
