"""Sets two machines up: keys, pairing, and what the tailnet needs next. Imports none of the other rooms."""
