"""Figures of a lens: performance at its image plane, best focus, summaries, reference values."""
