"""The summary of a task: the same bytes as ever."""

from __future__ import annotations

from pathlib import Path

from tests.evaluation.task.samples import scores, subject
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.task.verdict import conclude_task

GOLDEN = Path(__file__).parents[1] / "golden" / "task.json"


def test_the_summary_is_the_same_to_the_byte_as_before_it_was_typed(tmp_path: Path) -> None:
    summary = conclude_task(scores(), subject())
    assert write_summary(summary.to_json(), tmp_path / "summary.json").read_bytes() == GOLDEN.read_bytes()


def test_arms_that_there_are_not_are_not_told() -> None:
    about = subject(arms=("real", "synthetic"))
    summary = conclude_task([score for score in scores() if score.method != "without"], about)
    assert list(summary.arms) == ["real", "synthetic"]
    assert summary.regions == ["lesion"]
