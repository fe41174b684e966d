"""What a registry gives → a folder that `learnt train` takes: a kind of content a file."""
