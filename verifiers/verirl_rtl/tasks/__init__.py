"""Tasks: families that generate them, mutants, and importers of published benchmarks."""
