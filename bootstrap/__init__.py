"""Sets a machine up: what the tailnet needs next. Imports none of the other rooms."""
