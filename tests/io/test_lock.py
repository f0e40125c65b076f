"""Row 29: one writer per folder, and the second is told who holds it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from voxlate.errors import LockedError, WriteError
from voxlate.io import hold

HOLDER = """
import sys, time
from pathlib import Path
from voxlate.io import hold
with hold(Path(sys.argv[1]), what="training"):
    print("held", flush=True)
    time.sleep(60)
"""


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
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match=str(process.pid)), hold(tmp_path, what="training"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with hold(tmp_path, what="training"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_many_only_one_writes_at_a_time(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from voxlate.errors import LockedError
from voxlate.io import hold
folder, rounds = Path(sys.argv[1]), 0
while rounds < 15:
    try:
        with hold(folder, what="counting"):
            count = folder / "count"
            value = int(count.read_text() or 0) if count.exists() else 0
            count.write_text("")
            count.write_text(str(value + 1))
            rounds += 1
    except LockedError:
        time.sleep(0.001)
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "45"


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError), hold(tmp_path / "file", what="training"):
        pass
