"""What two rule texts promise in each outcome, and what a hedge over both is worth where they differ."""
