"""Labels for predictions: the tokens that carry a prediction to its label."""
