"""Adapters that bring verirl's verdicts into other training libraries."""
