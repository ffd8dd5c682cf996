"""What to trade: strategies turn events into intents and never touch a venue."""
