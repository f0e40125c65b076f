"""How the evaluation of a segmentation is shown."""
