"""What was traded, what it cost and what it is worth."""
