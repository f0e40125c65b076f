"""How distances between sets of images are shown."""
