"""How the privacy audit is shown."""
