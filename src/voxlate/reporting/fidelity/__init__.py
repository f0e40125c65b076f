"""How the evaluation of a translation is shown."""
