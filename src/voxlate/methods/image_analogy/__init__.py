"""Image analogies (Hertzmann et al. 2001)."""
