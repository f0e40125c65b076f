"""Row 29: one writer per folder, and the second is told who holds it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from tests.program import copied, side_by_side
from voxlate.errors import LockedError, WriteError
from voxlate.io import hold


def test_the_second_writer_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with hold(run, what="training"):
        with pytest.raises(LockedError) as caught, hold(run, what="evaluation"):
            pass
        assert f"training by process {os.getpid()} on {socket.gethostname()} since 20" in str(caught.value)
        assert caught.value.exit_code == 2
    assert list(run.iterdir()) == []
    with hold(run, what="evaluation"):
        assert len(list(run.iterdir())) == 1


def test_an_error_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(tmp_path, what="training"):
        raise ZeroDivisionError
    with hold(tmp_path, what="training"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_kill_frees_the_folder(tmp_path: Path) -> None:
    run, held = tmp_path / "run", tmp_path / "held"
    run.mkdir()

    def keep() -> None:
        with hold(run, what="training"):
            held.touch()
            time.sleep(60)

    with copied(keep) as process:
        while process.is_alive() and not held.exists():
            time.sleep(0.002)
        with pytest.raises(LockedError, match=str(process.pid)), hold(run, what="training"):
            pass
    with hold(run, what="training"):
        pass
    assert list(run.iterdir()) == []


def test_of_many_only_one_writes_at_a_time(tmp_path: Path) -> None:
    count, rounds = tmp_path / "count", 15

    def add() -> None:
        left = rounds
        while left:
            try:
                with hold(tmp_path, what="counting"):
                    value = int(count.read_text() or 0) if count.exists() else 0
                    count.write_text("")
                    count.write_text(str(value + 1))
                    left -= 1
            except LockedError:
                time.sleep(0.001)

    side_by_side(add, add, add)
    assert count.read_text() == "45"


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError), hold(tmp_path / "file", what="training"):
        pass
