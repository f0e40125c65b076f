"""What lies on disk reads back as it was."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voxlate.errors import ReadError, WriteError
from voxlate.evaluation import Score, read_scores, summarise, write_scores, write_summary

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(NAMES, NAMES, st.floats(allow_nan=False)), max_size=5))
def test_scores_round_trip_bit_for_bit(tmp_path: Path, rows: list[tuple[str, str, float]]) -> None:
    scores = [Score(case, region, "model", "mae", value, "HU") for case, region, value in rows]
    assert read_scores(write_scores(scores, tmp_path / "scores.csv")) == scores


def test_the_file_is_the_contract(tmp_path: Path) -> None:
    scores = [
        Score("sub-01", "label, left", "model", "mae", 0.1, "1"),
        Score("sub-01", "lesion", "model", "mse", math.nan, "HU²"),
        Score("sub-01", "foreground", "identity", "psnr", math.inf, "dB"),
    ]
    path = write_scores(scores, tmp_path / "scores.csv")
    assert path.read_text(encoding="utf-8").splitlines() == [
        "case,region,method,metric,value,unit",
        'sub-01,"label, left",model,mae,0.1,1',
        "sub-01,lesion,model,mse,,HU²",
        "sub-01,foreground,identity,psnr,inf,dB",
    ]
    with path.open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["region"] == "label, left"
    again = read_scores(path)
    assert math.isnan(again[1].value)
    assert again[2] == scores[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case,value\n",
        "case,region,method,metric,value,unit\na,b,c,d,much,1\n",
        "case,region,method,metric,value,unit\na,b,c\n",
        'case,region,method,metric,value,unit\na,"b,c,d,0.1,1\n',
    ],
)
def test_a_file_that_is_no_score_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=r"scores\.csv"):
        read_scores(path)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"scores\.csv"):
        read_scores(tmp_path / "scores.csv")
    (tmp_path / "scores.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError, match=r"scores\.csv"):
        read_scores(tmp_path / "scores.csv")


def test_summary_is_json_without_nan(tmp_path: Path) -> None:
    summary = summarise([Score("a", "foreground", "model", "mae", math.nan, "1")]).to_json()
    path = write_summary(summary, tmp_path / "summary.json")
    assert json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail) == summary
    with pytest.raises(ValueError, match="JSON"):
        write_summary({"mean": math.nan}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == summary


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        write_scores([], tmp_path / "missing" / "scores.csv")
    assert list(tmp_path.iterdir()) == []
