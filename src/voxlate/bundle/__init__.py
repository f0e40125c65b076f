"""What is shared of a trained model: a folder with its weights, recipe and plan, and ensembles of such."""
