"""A trained model → one file: its graph, what travels with it, and the check that it is true."""
