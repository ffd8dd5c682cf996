"""The two venues on this machine: real protocols, own wire and signature checks, one matching core (design.md 4)."""
