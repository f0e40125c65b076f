"""The log of a run is JSON, line by line, whatever was measured and however it ended."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from voxlate.errors import WriteError
from voxlate.training.loop.journal import append_log, read_log, rewind_log


def _refuse(name: str) -> None:
    raise ValueError(name)


def test_what_is_not_available_is_null_in_validations_too(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    append_log(log, {"step": 1, "loss": math.inf})
    append_log(log, {"step": 2, "validation": {"mae": 0.5, "lesion_mae": math.nan}})
    rewind_log(log, step=2)
    lines = [json.loads(line, parse_constant=_refuse) for line in log.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": None}, {"step": 2, "validation": {"mae": 0.5, "lesion_mae": None}}]
    assert math.isnan(read_log(log)[1].validation["lesion_mae"])


def test_an_older_log_with_nan_becomes_json(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "validation": {"mae": NaN}}\n{"step": 2, "lo')
    rewind_log(log, step=5)
    assert log.read_text() == '{"step": 1, "validation": {"mae": null}}\n'


def test_a_log_that_cannot_be_written_is_a_sentence() -> None:
    with pytest.raises(WriteError, match="no space left"):
        append_log(Path("/dev/full"), {"step": 1})
