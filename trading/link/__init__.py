"""The link between controller and trader: an authenticated, encrypted session over one WebSocket (distributed.md 4)."""
