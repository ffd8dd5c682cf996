"""Which markets ask the same question."""
