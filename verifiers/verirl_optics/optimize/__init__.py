"""Local lens optimization by damped least squares: variables, merit function, `polish`."""
