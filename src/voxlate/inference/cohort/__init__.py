"""A model applied to a whole data set: which cases, where to, and what became of each."""
