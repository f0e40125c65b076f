"""The phantom: physics that draws a cohort with lesions and a known truth."""
