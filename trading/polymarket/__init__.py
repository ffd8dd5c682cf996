"""Polymarket's CLOB, Gamma and streams as they stand today (polymarket.md)."""
