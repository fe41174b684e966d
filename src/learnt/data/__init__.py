"""A path → examples → train, valid and test → prepared arrays → batches."""
