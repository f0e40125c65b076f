"""The shares of attributes as a file beside the split."""

from __future__ import annotations

import csv
from pathlib import Path

from voxlate.cohort import SHARE_FIELDS, Case, Cohort, write_shares


def test_shares_count_subjects_and_give_their_part_of_the_part(tmp_path: Path) -> None:
    cases = [Case(f"c{n}", f"s{n}", {}, {"grade": "4" if n < 3 else "2"}) for n in range(6)]
    split = {"c0": "train", "c1": "train", "c3": "train", "c4": "train", "c2": "test", "c5": "test"}
    write_shares(split, Cohort(tmp_path, "folders", tuple(cases)), tmp_path / "shares.csv")
    rows = list(csv.reader((tmp_path / "shares.csv").read_text(encoding="utf-8").splitlines()))
    assert tuple(rows[0]) == SHARE_FIELDS
    assert rows[1:] == [
        ["all", "all subjects", "4 (100 %)", "0 (0 %)", "2 (100 %)"],
        ["grade", "2", "2 (50 %)", "0 (0 %)", "1 (50 %)"],
        ["grade", "4", "2 (50 %)", "0 (0 %)", "1 (50 %)"],
    ]
