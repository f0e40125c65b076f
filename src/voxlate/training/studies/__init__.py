"""Several trainings for one answer: folds, variants of a recipe, synthetic for real cases."""
