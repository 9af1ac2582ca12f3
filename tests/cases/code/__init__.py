"""Programs that attack the code verifier."""
