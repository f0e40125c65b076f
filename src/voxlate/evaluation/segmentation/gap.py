"""The gap between validation and training cases: whether a segmentation has learned its training cases by heart.

Both are scored alike, whole volumes without augmentation, so their Dice can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path

from voxlate.evaluation.words import number
from voxlate.training.loop.journal import Entry, read_log
from voxlate.training.loop.validation import TRAIN_PREFIX

_LARGE = 0.1
"""Dice by which training cases are ahead of validation cases when that is called large; a convention."""


def gap_in_words(rows: Sequence[Entry], *, step: int | None) -> str:
    """That training cases are far ahead at the step whose weights were kept; empty if they are not.

    Args:
        rows: The log of a run.
        step: The step whose weights were kept.
    """
    validations = {row.step: row.validation for row in rows if row.validation is not None}
    kept = validations.get(step, {}) if step is not None else {}
    ahead, validation = kept.get(f"{TRAIN_PREFIX}dice", nan), kept.get("dice", nan)
    if not ahead - validation > _LARGE:
        return ""
    values = " and ".join(number(value, metric="dice") for value in (ahead, validation))
    return (
        f"The gap between training and validation cases is large: their mean Dice is {values}. The model learns its "
        "training cases by heart, against which more cases or more augmentation help and longer training does not, or "
        "these happen to be easier ones."
    )


def gap_of_run(path: Path) -> str:
    """The same of a run on disk, at the step of the best Dice; empty for anything else."""
    rows = read_log(path / "log.jsonl")
    found = [(row.validation.get("dice", nan), -row.step) for row in rows if row.validation is not None]
    scored = [one for one in found if isfinite(one[0])]
    return gap_in_words(rows, step=-max(scored)[1]) if scored else ""
