"""Measures and judges: how good a prediction is, compared with what."""

from voxlate.evaluation.fidelity.regions import label_regions, score_case, score_slices
from voxlate.evaluation.files import read_scores, write_scores, write_summary
from voxlate.evaluation.scores import Extremes, Score, extremes
from voxlate.evaluation.statistics import RULE, bootstrap_interval, summarise
from voxlate.evaluation.verdict import Verdict, judge
from voxlate.roles import BASELINES

__all__ = [
    "BASELINES",
    "RULE",
    "Extremes",
    "Score",
    "Verdict",
    "bootstrap_interval",
    "extremes",
    "judge",
    "label_regions",
    "read_scores",
    "score_case",
    "score_slices",
    "summarise",
    "write_scores",
    "write_summary",
]
