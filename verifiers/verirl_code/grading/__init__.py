"""Compare what an answer returned with what its tests expect, outside the process that ran it."""
