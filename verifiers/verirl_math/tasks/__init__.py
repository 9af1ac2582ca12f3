"""Making tasks: generated problems, wrong answers to them, and the tasks of published benchmarks."""
