"""A closer look: local structure that no grey scale changes, a fit of its own for each pair, and single lesions."""
