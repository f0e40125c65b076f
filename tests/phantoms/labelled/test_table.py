"""The table of labels: what is shipped, what a file adds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.phantoms import head_table, read_table, render_labels
from voxlate.phantoms.labelled.table import _HEAD_TISSUES, LOOKS
from voxlate.volume import Volume


def test_every_label_has_a_tissue_and_every_pair_the_same_on_both_sides() -> None:
    table = head_table()
    assert set(table.tissues.values()) <= _HEAD_TISSUES.keys() | LOOKS.keys()
    for label, other in table.mirrored.items():
        assert table.mirrored[other] == label
        assert table.tissues.get(label) == table.tissues.get(other)


def test_an_unknown_label_is_refused_by_name() -> None:
    labels = Volume(np.pad(np.full((4, 4, 4), 999), 2), np.eye(4))
    with pytest.raises(UsageError, match=r"999 without a tissue.*--table"):
        render_labels(labels, seed=1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", ("label,tissue,mirror,t1_ms,t2_ms,t2star_ms,proton_density,hu\n7001,white_matter,7002,,,,,\n"
         "7003,jelly,,900,60,30,0.8,20\n")),
        ("a.yaml", ("7001: {tissue: white_matter, mirror: 7002}\n"
         "7003: {tissue: jelly, t1_ms: 900, t2_ms: 60, t2star_ms: 30, proton_density: 0.8, hu: 20}\n")),
    ],
)  # fmt: skip
def test_a_file_adds_labels_and_tissues(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    table = read_table(tmp_path / name)
    assert table.tissues[7001] == "white_matter"
    assert table.mirrored[7001] == 7002
    assert table.tissues[7002] == "white_matter"
    assert table.materials()["jelly"].t1_ms == 900
    assert table.unsided == {7003}
    assert table.tissues[41] == "white_matter"
    labels = Volume(np.pad(np.full((10, 10, 10), 7003), 2), np.diag([3.0, 3, 3, 1]))
    image = render_labels(labels, seed=1, contrasts="ct", table=table).scans["ct"].image
    assert 0 < np.percentile(image, 90) < 60


@pytest.mark.parametrize("row", ["5,jam", "5,", "x,fat", "5,jam,abc"])
def test_an_entry_that_cannot_be_used_is_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.csv").write_text(f"label,tissue,t1_ms\n{row}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="label"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("rows", "came"),
    [
        (["5,white_matter,,nan"], "t1_ms"),
        (["5,white_matter,,-1000"], "t1_ms"),
        (["5,white_matter,,0"], "t1_ms"),
        (["5,white_matter,,800", "6,white_matter,,3000"], "two"),
        (["900,fat,,", "900,muscle,,"], "900 twice"),
        (["900,fat,901,", "902,fat,901,"], "900 and 902|902 and 900|901"),
        (["900,fat,2,"], "900"),
    ],
)
def test_what_would_be_wrong_without_a_word_is_refused(tmp_path: Path, rows: list[str], came: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["label,tissue,mirror,t1_ms", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=came):
        read_table(tmp_path / "a.csv")
