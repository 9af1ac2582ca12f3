"""Attack and acceptance cases as data."""
