"""Learns: from a cohort and a recipe to a run; studies of several runs; the search of a recipe's ranges."""
