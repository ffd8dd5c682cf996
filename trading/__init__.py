"""The shared library: what a leg is and how one is executed. Imports none of the other rooms (B-003)."""
