"""The gap between validation and training cases in words."""

from __future__ import annotations

import math
from pathlib import Path

from voxlate.evaluation.segmentation.gap import gap_in_words, gap_of_run
from voxlate.training.loop.journal import Entry, append_log


def log(*, ahead: float) -> list[Entry]:
    rows = []
    for step in (10, 20, 30):
        metrics = {"loss": 1 / step, "dice": 0.5, "recall": 0.5, "precision": 0.5, "accuracy": 0.99}
        metrics |= {"train_loss": 0.5 / step, "train_dice": 0.5 + ahead, "train_recall": 0.6, "train_precision": 0.6}
        metrics["train_accuracy"] = 0.995
        rows.append(Entry(step, validation=metrics))
    return rows


def test_only_a_large_gap_is_said() -> None:
    assert "their mean Dice is 0.800 and 0.500" in gap_in_words(log(ahead=0.3), step=20)
    assert not gap_in_words(log(ahead=0.05), step=20)
    assert not gap_in_words(log(ahead=0.3), step=25), "a step that was not validated"
    assert not gap_in_words(log(ahead=0.3), step=None)


def test_of_a_run_the_step_of_the_best_dice_counts(tmp_path: Path) -> None:
    rows = log(ahead=0.05)
    rows[1] = Entry(20, validation={**rows[1].validation, "dice": 0.6, "train_dice": 0.9})
    rows[2] = Entry(30, validation={**rows[2].validation, "dice": math.nan})
    append_log(tmp_path / "log.jsonl", {"step": 1, "loss": 2.0})
    for row in rows:
        append_log(tmp_path / "log.jsonl", {"step": row.step, "validation": row.validation})
    assert gap_of_run(tmp_path) == gap_in_words(rows, step=20) != ""
    assert not gap_of_run(tmp_path / "elsewhere")
