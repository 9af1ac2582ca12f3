"""Training: recipes, their stages, and the runner that goes through them."""
