"""Make tasks and wrong answers to them, and read the tasks of published benchmarks."""
