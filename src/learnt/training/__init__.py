"""From prepared examples to a trained model: the plan, the features, the loop, the figures."""
