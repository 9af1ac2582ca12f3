"""Helpers of the tests: a toy domain, pools, small recipes, made-up runs."""
