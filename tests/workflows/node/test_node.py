"""A node without a network: what is kept before it is acknowledged, what is answered once, and what is tried again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.io.dicom.crafted import placed, values, write_series
from voxlate.errors import NetworkError, ReadError, UsageError
from voxlate.inference.cohort.outcome import Outcome
from voxlate.io.archive import STATUS, Arrival
from voxlate.io.atomic import write_error, write_text
from voxlate.provenance import Provenance
from voxlate.workflows.node import answering, service
from voxlate.workflows.node.inbox import Inbox
from voxlate.workflows.node.ledger import Ledger
from voxlate.workflows.node.rules import Condition, NodeRules, Rule

STUDY = "1.2.3.4"


class Sent(list[list[str]]):
    """An archive that keeps what it is given, and refuses the first so many times."""

    refusals = 0

    def store(self, files: Sequence[Path]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NetworkError("room", came="none", remedy="Make some.")
        self.append([path.name for path in files])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    archive = Sent()
    monkeypatch.setattr(answering, "open_archive", lambda _address, _connection: archive)
    return archive


@pytest.fixture
def rules(tmp_path: Path) -> NodeRules:
    rule = Rule(name="a", target="t2", send_to="dicom://PACS@pacs:104", when=Condition(contrast="t1"))
    return NodeRules(folder=tmp_path / "node", accept=("S",), quiet_s=0.01, retry_after_s=0, attempts=3, rules=(rule,))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_series(tmp_path / "scan", values(), placed(), SliceThickness=2.0)


def arrival(path: Path, number: int = 0, **more: Any) -> Arrival:
    told = {"calling": "S", "study": STUDY, "series": f"{STUDY}.5", "uid": f"9.{number}", "names_patient": False}
    return Arrival(**{**told, "is_synthetic": False, "content": path.read_bytes(), **more})  # type: ignore[arg-type]


def translated(_rule: Rule, study: Path, out: Path) -> Outcome:
    """An answer of one file, made of the study's size."""
    size = sum(path.stat().st_size for path in study.rglob("*.dcm"))
    (out / "made").mkdir(parents=True, exist_ok=True)
    (out / "made" / f"IM{size}.dcm").write_text("answer")
    told = Provenance(synthetic=True, target="t2", unit="", output_sha256=str(size))
    write_text(out / "made.json", told.model_dump_json())
    return Outcome("a", "done", target="t2", path=out / "made")


def node(rules: NodeRules, translate: answering.Translate = translated) -> service._Node:
    rules.folder.mkdir(exist_ok=True)
    ledger = Ledger(rules.folder / "list.sqlite")
    return service._Node(rules, ledger, Inbox(rules, ledger), translate)


def work(one: service._Node) -> None:
    time.sleep(0.02)
    one.work(lambda: False)


def told(one: service._Node) -> list[tuple[str, str, int]]:
    return [(line.state, line.answer, line.tries) for line in one.ledger.lines()]


def test_a_study_is_answered_once_and_again_when_its_content_has_changed(
    rules: NodeRules, files: list[Path], sent: Sent
) -> None:
    one = node(rules)
    assert {one.inbox.take(arrival(path, number)) for number, path in enumerate(files[:2])} == {STATUS.DONE}
    kept = rules.folder / "inbox" / STUDY / f"{STUDY}.5" / "9.0.dcm"
    assert kept.read_bytes() == files[0].read_bytes()
    assert told(one) == [("arriving", "", 0)]
    work(one)
    work(one)
    assert (told(one), len(sent)) == ([("complete", "answered", 1)], 1)
    one.inbox.take(arrival(files[0]))  # the same once more
    work(one)
    assert (told(one), len(sent)) == ([("complete", "answered", 1)], 1)
    one.inbox.take(arrival(files[2], 2))
    assert told(one) == [("arriving", "answered", 1)]
    work(one)
    assert (told(one), len(sent)) == ([("complete", "answered", 1)], 2)


def test_what_is_acknowledged_is_on_the_disk(
    rules: NodeRules, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    one = node(rules)
    assert one.inbox.take(arrival(files[0])) == STATUS.DONE
    series = rules.folder / "inbox" / STUDY / f"{STUDY}.5"
    assert {str(place) for place in (series, *series.parents[:3])} < set(synced)
    assert any(name.startswith(f"{series}/.voxlate-partial-") for name in synced)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_killed_process_had_begun_is_done_by_the_next(
    rules: NodeRules, files: list[Path], sent: Sent, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    one = node(rules)
    one.inbox.take(arrival(files[0]))
    keep: Callable[[Sequence[Path]], None] = sent.store

    def store(files: Sequence[Path]) -> None:
        if when == "after":
            keep(files)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sent, "store", store)
        with pytest.raises(Killed):
            work(one)
    another = node(rules)
    work(another)
    assert told(another) == [("complete", "answered", 2)]
    assert sent == [sent[0]] * (1 if when == "before" else 2)
    third = node(rules)
    third.inbox.take(arrival(files[1], 1))
    fourth = node(rules)  # which knows from its list that a study was arriving
    work(fourth)
    assert len(sent) == (2 if when == "before" else 3)


def test_only_the_node_speaks_of_a_study_and_no_place_of_a_file_is_told(
    rules: NodeRules, files: list[Path], sent: Sent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loud(rule: Rule, study: Path, out: Path) -> Outcome:
        logging.getLogger("voxlate.preprocess.familiar").warning("%s: CANARY", study)
        return replace(translated(rule, study, out), warnings=(f"{study}/a.dcm: unlike the T1 scans",))

    caplog.set_level(logging.INFO)
    one = node(rules, loud)
    one.inbox.take(arrival(files[0]))
    with service._own_words():
        work(one)
    assert "CANARY" not in caplog.text
    assert "is answered by a, with 1 warning: see --status" in caplog.text
    assert [line.reason for line in one.ledger.lines()] == ["a.dcm: unlike the T1 scans"]

    def no_disk(path: Path, _data: bytes) -> None:
        raise write_error(path, OSError(28, "No space left on device"))

    monkeypatch.setattr("voxlate.workflows.node.inbox.write_bytes", no_disk)
    assert one.inbox.take(arrival(files[1], 1)) == STATUS.NO_ROOM
    full = node(rules.model_copy(update={"quota_gib": 1e-9}))
    assert full.inbox.take(arrival(files[0])) == STATUS.NO_ROOM
    assert "refused: a file cannot be kept, no space left on device" in caplog.text
    assert str(rules.folder) not in caplog.text


def test_a_failure_is_tried_again_so_often_and_told(
    rules: NodeRules, files: list[Path], sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    sent.refusals = 2
    one = node(rules)
    one.inbox.take(arrival(files[0]))
    for _ in range(3):
        work(one)
    assert (told(one), len(sent)) == ([("complete", "answered", 3)], 1)

    def broken(_rule: Rule, _study: Path, _out: Path) -> Outcome:
        raise RuntimeError("CANARY")

    other = node(rules, broken)
    other.inbox.take(arrival(files[1], 1))
    for _ in range(4):
        work(other)
    [line] = other.ledger.lines()
    assert (line.answer, line.tries, line.reason) == ("failed", 3, "RuntimeError")
    assert "a failed, attempt 3, and is given up" in caplog.text
    assert "CANARY" not in caplog.text


def test_what_ends_the_process_each_time_is_given_up(rules: NodeRules, files: list[Path], sent: Sent) -> None:
    def crash(_rule: Rule, _study: Path, _out: Path) -> Outcome:
        raise Killed

    node(rules).inbox.take(arrival(files[0]))
    for _ in range(3):
        with pytest.raises(Killed):
            work(node(rules, crash))
    last = node(rules, crash)
    work(last)
    [line] = last.ledger.lines()
    assert (line.answer, len(sent)) == ("failed", 0)
    assert "got a process that ended" in line.reason


def test_what_is_not_taken_is_refused_with_its_status(
    rules: NodeRules, files: list[Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = node(rules)
    assert one.inbox.take(arrival(files[0], names_patient=True)) == STATUS.NOT_ALLOWED
    assert one.inbox.take(arrival(files[0], names_patient=True)) == STATUS.NOT_ALLOWED
    assert caplog.text.count("files that name their patient") == 1
    assert one.inbox.take(arrival(files[0], is_synthetic=True)) == STATUS.DONE
    assert told(one) == []
    full = node(rules.model_copy(update={"quota_gib": 1e-9}))
    assert full.inbox.take(arrival(files[0])) == STATUS.NO_ROOM
    named = node(rules.model_copy(update={"identified": True}))
    assert named.inbox.take(arrival(files[0], names_patient=True)) == STATUS.DONE

    def no_disk(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("voxlate.workflows.node.inbox.write_bytes", no_disk)
    assert one.inbox.take(arrival(files[0], 7)) == STATUS.NO_ROOM


def test_rules_are_chosen_by_what_series_show_and_who_sent_them(rules: NodeRules, tmp_path: Path) -> None:
    write_series(tmp_path / "study" / "a", values(), placed())
    write_series(tmp_path / "study" / "b", values(), placed(), modality="CT", SeriesInstanceUID="1.2")
    conditions = {
        "all": {}, "ct": {"modality": "CT"}, "pt": {"modality": "PT"}, "t1": {"contrast": "t1", "body_part": "head"},
        "t2": {"contrast": "t2"}, "foot": {"body_part": "FOOT"}, "mine": {"calling": ("S",)},
        "not": {"calling": ("X",)}, "mixed": {"modality": "CT", "contrast": "t1"},
    }  # fmt: skip
    update = {"rules": tuple(rules.rules[0].model_copy(update={"name": name, "when": Condition(**one)})  # type: ignore[arg-type]
                             for name, one in conditions.items())}  # fmt: skip
    assert answering.fitting(rules.model_copy(update=update), tmp_path / "study", "S") == (
        ["all", "ct", "t1", "mine"],
        "",
    )


def test_a_study_without_a_rule_is_listed_and_files_are_deleted_after_their_time(
    rules: NodeRules, files: list[Path], sent: Sent, tmp_path: Path
) -> None:
    [ct] = write_series(tmp_path / "ct", values((5, 4, 1)), placed(), modality="CT", SliceThickness=1.0)
    one = node(rules.model_copy(update={"keep_hours": 1e-9}))
    one.inbox.take(arrival(ct, study="1.9"))
    one.inbox.take(arrival(files[0]))
    one.cleaned = time.monotonic()
    work(one)
    assert told(one) == [("unmatched", "", 0), ("complete", "answered", 1)]
    assert one.ledger.lines()[0].reason == "no rule fits what it has: CT ct HEAD"
    one.cleaned = 0.0
    work(one)
    assert [line.state for line in one.ledger.lines()] == ["purged", "purged"]
    assert not list(rules.folder.rglob("*.dcm"))
    one.inbox.take(arrival(files[0]))
    work(one)
    assert (told(one)[-1], len(sent)) == (("complete", "answered", 1), 1)


def test_a_list_that_is_none_and_a_node_that_never_ran_are_told(rules: NodeRules) -> None:
    with pytest.raises(UsageError, match="expected the folder of a node, got none"):
        service.ledger_of(rules.folder)
    rules.folder.mkdir()
    (rules.folder / "list.sqlite").write_text("no database, but long enough to be taken for one at first sight")
    with pytest.raises(ReadError, match="expected the list of a node, got file is not a database"):
        service.ledger_of(rules.folder)
