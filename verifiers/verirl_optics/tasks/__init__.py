"""Tasks: generated lenses, imported lenses, prompts and mutants."""
