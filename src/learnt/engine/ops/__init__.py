"""Every operation, one family a file; see `op` for what an operation is."""
