"""Cohorts: cases, folder layouts, splits and the checks before training."""

from voxlate.cohort.case import Case, Cohort, LeftOut, natural_key
from voxlate.cohort.checks import preflight
from voxlate.cohort.finding import Finding
from voxlate.cohort.layouts import LAYOUTS, index_cohort, recognise
from voxlate.cohort.overview import CaseRow, attribute_counts, contrast_counts, left_out_counts, overview
from voxlate.cohort.split_file import (
    SHARE_FIELDS,
    ShareRow,
    read_split,
    share_cells,
    split_table,
    write_shares,
    write_split,
)
from voxlate.cohort.splits import PARTS, Split, part_sizes, split_cohort

__all__ = [
    "LAYOUTS",
    "PARTS",
    "SHARE_FIELDS",
    "Case",
    "CaseRow",
    "Cohort",
    "Finding",
    "LeftOut",
    "ShareRow",
    "Split",
    "attribute_counts",
    "contrast_counts",
    "index_cohort",
    "left_out_counts",
    "natural_key",
    "overview",
    "part_sizes",
    "preflight",
    "read_split",
    "recognise",
    "share_cells",
    "split_cohort",
    "split_table",
    "write_shares",
    "write_split",
]
