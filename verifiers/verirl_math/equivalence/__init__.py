"""Decide whether two expression trees are the same answer.

`compare` is the entry point and compares structure. Values are compared by `identity_testing`, with `exact`
(fractions and residues) and `high_precision_eval` (mpmath) below it; `equations`, `real_sets` and
`quantities` handle relations, sets of reals and units.
"""
