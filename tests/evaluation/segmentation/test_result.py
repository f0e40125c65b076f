"""The summary of a segmentation: the same bytes as ever, and in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.evaluation.segmentation.samples import scores, subject
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.segmentation.result import summarise_classes

GOLDEN = Path(__file__).parents[1] / "golden" / "segmentation.json"


def test_the_summary_is_the_same_to_the_byte_as_before_it_was_typed(tmp_path: Path) -> None:
    summary = summarise_classes(scores(), subject())
    assert write_summary(summary.to_json(), tmp_path / "summary.json").read_bytes() == GOLDEN.read_bytes()


def test_what_was_not_found_is_named_with_its_sentence() -> None:
    silent = [replace(score, value=0.0) if score.metric in {"dice", "recall"} else score for score in scores()]
    summary = summarise_classes(silent, subject())
    assert list(summary.nothing_found) == ["whole tumour"]
    assert summary.answer.startswith(summary.nothing_found["whole tumour"])
    assert summary.to_json()["nothing_found"] == ["whole tumour"]
