"""A whole run in seconds: the smallest model, a handful of tasks, a few steps of each stage."""

from __future__ import annotations

SMALL = """
name: small
seed: 5
threads: 1
workers: 1
model: {name: tiny:xs, vocabulary: 280}
tasks:
  demos: &sums
    domain: math
    n: 40
    families: [arithmetic]
    difficulty: [0.0, 0.1]
    options: {style: terse}
    mutants: false
  held_out: {<<: *sums, n: 10, split: eval}
sft:
  tasks: demos
  steps: 6
  batch: 8
  optimizer: {learning_rate: 0.002, beta2: 0.99}
  checkpoint_every: 2
  periodic_eval: {tasks: held_out, every: 3, first: 5, max_new_tokens: 8}
grpo:
  tasks: demos
  steps: 7
  prompts_per_step: 4
  num_generations: 4
  steps_per_generation: 3
  micro_batch: 8
  optimizer: {learning_rate: 0.002, beta2: 0.99}
  max_new_tokens: 12
  advantages: grpo
  scheme: hierarchical
  checkpoint_every: 2
  periodic_eval: {tasks: held_out, every: 3, first: 5, max_new_tokens: 8}
"""
"""Three updates share a generation and a checkpoint comes every two: most lie inside a generation cycle."""
