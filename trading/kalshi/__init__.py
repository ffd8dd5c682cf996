"""Kalshi as its Trade API stands today (kalshi.md)."""
