"""Both venues' record against ours, at the start and then for good: what disagrees does not trade."""
