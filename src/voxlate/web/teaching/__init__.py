"""Training from the page: a recipe as a form, the preflight, a run that can be stopped and resumed, and its curves."""
