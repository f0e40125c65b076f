"""Everything between a data set and the first step."""
