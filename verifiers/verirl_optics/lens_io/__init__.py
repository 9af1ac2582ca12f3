"""Readers of lens and glass files: JSON, surface lines, Zemax, published benchmarks."""
