"""How the test of usefulness is shown."""
