"""The anatomy of the abdomen: wall, organs, fat, and what is ill in them."""
