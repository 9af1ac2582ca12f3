"""Run one answer at a time in a sandboxed child process."""
