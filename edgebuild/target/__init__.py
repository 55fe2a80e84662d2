"""Target profiles: what a core or a board is, and what it can hold and run."""
