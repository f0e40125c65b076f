"""Predicts: a trained model over a case, or over a whole data set."""
