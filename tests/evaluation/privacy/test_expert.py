"""Decisions of experts: they hold for the files and the pairs that were judged, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.audits import audit
from voxlate.errors import ReadError, UsageError
from voxlate.evaluation.privacy.expert import COLUMNS, Shown, apply_decisions, read_decisions
from voxlate.evaluation.privacy.files import write_decisions
from voxlate.evaluation.privacy.verdict import ExpertDecision, decisions

HEAD = ",".join(COLUMNS)
ROW = 'copy,release,"not the same, I think",A. Reader,2031-05-17T09:30:00.000Z,t1:ab,m1 m3'
SHOWN = {"copy": Shown(("t1:ab",), ("m1",)), "new": Shown(("t1:cd",), ("m2",)), "odd": Shown(("t1:ef",), ("m1",))}


def _file(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "decisions.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def _given(case: str, decision: str, folder: Path) -> tuple[ExpertDecision, ...]:
    digests, beside = SHOWN[case].sha256[0], SHOWN[case].beside[0]
    return read_decisions(_file(folder, f"{case},{decision},,A. Reader,2031-05-17T09:30:00Z,{digests},{beside}"))


def test_decisions_are_read_and_rows_without_one_left_out(tmp_path: Path) -> None:
    [found] = read_decisions(_file(tmp_path, ROW, "odd,,,A. Reader,2031-05-17T09:30:00Z,t1:ef,m1"))
    assert (found.case, found.decision, found.note) == ("copy", "release", "not the same, I think")
    assert (found.sha256, found.beside) == (("t1:ab",), ("m1", "m3"))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["copy,release,,,2031-05-17,t1:ab,m1"], "without expert"),
        (["copy,release,,A. Reader,,t1:ab,m1"], "without decided_at"),
        (["copy,release,,A. Reader,2031-05-17,,"], "without sha256 and beside"),
        (["copy,publish,,A. Reader,2031-05-17,t1:ab,m1"], "'publish' for copy"),
        (["copy,release,,A. Reader,yesterday,t1:ab,m1"], "'yesterday' for copy"),
        ([ROW, ROW.replace("release", "withhold")], "several for copy"),
        ([], "no rows"),
    ],
)
def test_a_row_that_does_not_say_who_when_and_on_what_is_refused(rows: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=told):
        read_decisions(_file(tmp_path, *rows))


def test_another_file_is_no_list_of_decisions(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="the columns case, decision"):
        read_decisions(_file(tmp_path, "a,b", head="case,reason"))


def test_a_column_that_stands_twice_says_two_things(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="each once"):
        read_decisions(_file(tmp_path, f"{ROW},withhold", head=f"{HEAD},decision"))


@pytest.mark.parametrize(
    ("case", "decision", "released"),
    [("copy", "release", True), ("copy", "withhold", False), ("new", "withhold", False), ("new", "unsure", False)],
)
def test_experts_release_and_withhold(case: str, decision: str, released: bool, tmp_path: Path) -> None:
    found = apply_decisions(decisions(audit()), _given(case, decision, tmp_path), shown=SHOWN)
    by_case = {one.case: one for one in found}
    assert by_case[case].released == released
    assert "by A. Reader on 2031-05-17T09:30:00Z; the audit: " in by_case[case].reason
    before = {one.case: one for one in decisions(audit())}
    assert all(by_case[name] == before[name] for name in before if name != case)


def test_a_decision_about_another_image_or_another_pair_is_refused(tmp_path: Path) -> None:
    given, decided = _given("copy", "release", tmp_path), decisions(audit())
    changed = {**SHOWN, "copy": Shown(("t1:00",), ("m1",))}
    with pytest.raises(UsageError, match="other files than A"):
        apply_decisions(decided, given, shown=changed)
    nearer = {**SHOWN, "copy": Shown(("t1:ab",), ("m4",))}
    with pytest.raises(UsageError, match="to which m4 is nearest now"):
        apply_decisions(decided, given, shown=nearer)
    with pytest.raises(UsageError, match="about copy, which is none"):
        apply_decisions(decided, given, shown={})


def test_tables_say_who_decided_on_which_files(tmp_path: Path) -> None:
    found = apply_decisions(decisions(audit()), _given("copy", "release", tmp_path), shown=SHOWN)
    write_decisions(found, audit(), tmp_path / "released.csv", files={})
    head, first, second, *_ = (tmp_path / "released.csv").read_text().splitlines()
    assert head.endswith("reason,decision,expert,decided_at,sha256")
    assert first.endswith(",release,A. Reader,2031-05-17T09:30:00Z,t1:ab")
    assert second.endswith(",,,,")
