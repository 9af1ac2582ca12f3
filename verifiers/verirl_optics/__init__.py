"""Lens design: prescriptions judged by a batched ray tracer."""
