"""From files to normalised arrays on one grid, and back."""
