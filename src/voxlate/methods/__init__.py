"""Methods: how source becomes target."""
