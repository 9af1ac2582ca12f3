"""Task generation: draw tasks of a domain and admit those that its own checks can tell apart."""
