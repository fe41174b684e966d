"""One kind of job a file: its plan, its network, its loss, its figure, its program."""
