"""What people decide about pairs, kept apart from what discovery finds."""
