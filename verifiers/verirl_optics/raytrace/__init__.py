"""Batched, differentiable ray tracing: prescriptions, glasses, pupils, paraxial and real rays, spots."""
