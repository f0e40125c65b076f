"""Cohorts: which file is which contrast of which case; splits; the checks before training."""

from voxlate.cohort.case import Case, Cohort, LeftOut, natural_key
from voxlate.cohort.finding import Finding
from voxlate.cohort.layouts import LAYOUTS, index_cohort, recognise
from voxlate.cohort.overview import attribute_summaries, contrast_counts
from voxlate.cohort.split_file import (
    SHARE_FIELDS,
    ShareRow,
    read_split,
    share_cells,
    split_table,
    write_shares,
    write_split,
)
from voxlate.cohort.splits import PARTS, Split, split_cohort

__all__ = [
    "LAYOUTS",
    "PARTS",
    "SHARE_FIELDS",
    "Case",
    "Cohort",
    "Finding",
    "LeftOut",
    "ShareRow",
    "Split",
    "attribute_summaries",
    "contrast_counts",
    "index_cohort",
    "natural_key",
    "read_split",
    "recognise",
    "share_cells",
    "split_cohort",
    "split_table",
    "write_shares",
    "write_split",
]
