"""What a market asks, as a claim both venues can state, one module per domain."""
