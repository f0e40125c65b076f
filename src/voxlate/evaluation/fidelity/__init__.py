"""A predicted image against its truth, region by region."""
