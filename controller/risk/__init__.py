"""Whether, how much and in which order: the gate every leg passes."""
