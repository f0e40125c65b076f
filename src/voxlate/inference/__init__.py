"""A bundle over a case and over a cohort."""
