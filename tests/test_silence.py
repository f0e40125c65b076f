"""Silence: no verb looks a name up or reaches out, and none writes outside of the folders that it is given.

That no name is looked up is held for every test by ``tests/conftest.py``. Here verbs run in a process of their own,
without any network where the system permits that, and what they write is heard too; training: ``test_processes.py``.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.program import copied, run_here
from tests.silence import Heard, allowed

_NO_NETWORK = 0x40000000  # CLONE_NEWNET


def test_a_hook_hears_what_is_looked_up_and_written(tmp_path: Path) -> None:
    def program() -> None:
        heard = Heard([tmp_path / "inside"])
        heard.listen()
        (tmp_path / "inside").mkdir()
        (tmp_path / "inside" / "a").write_text("a", encoding="utf-8")
        (tmp_path / "outside").write_text("b", encoding="utf-8")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("192.0.2.1", 9))
            out.connect(("127.0.0.1", 9))
        events = [told.split(" (")[0] for told in heard.told]
        (tmp_path / "inside" / "told").write_text("\n".join(events), encoding="utf-8")

    with copied(program) as process:
        process.join(60)
    assert (tmp_path / "inside" / "told").read_text(encoding="utf-8").splitlines() == [
        f"open {tmp_path / 'outside'}",
        "socket.connect 192.0.2.1",
    ]


@pytest.mark.usefixtures("drawn_anew")
def test_verbs_are_silent_and_write_where_they_are_told(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    work, told = tmp_path / "work", tmp_path / "told"
    work.mkdir()
    scan, other = sorted(phantom_cohort.glob("*/*-t1n.nii.gz"))[:2]
    commands = (
        ("recipes",),
        ("info", trained),
        ("info", scan),
        ("phantom", work / "phantom", "--cases", 1, "--seed", 1, "--size", 32, "--contrast", "t1", "--contrast", "ct"),
        ("derive", work / "phantom", "--out", work / "maps"),
        ("register", scan, other, "--out", work / "moved.nii.gz", "--no-picture"),
        ("check", phantom_cohort),
        ("translate", trained, scan, "--out", work / "t2.nii.gz"),
        ("translate", trained, scan, "--format", "dicom", "--out", work / "dicom"),
        ("deidentify", work / "dicom", "--out", work / "shared"),
        ("translate", trained, phantom_cohort, "--all", "--out", work / "translated"),
        ("evaluate", work / "translated", phantom_cohort, "--out", work / "evaluation"),
    )

    def program() -> None:
        sys.dont_write_bytecode = True
        ctypes.CDLL(None).unshare(_NO_NETWORK)  # which needs rights: the hook hears what is asked in any case
        heard = Heard([work, *allowed()])
        heard.listen()
        for words in commands:
            ended = run_here(*words, cwd=work)
            heard.told += [] if ended.returncode == 0 else [f"{words[0]} ended with {ended.returncode}: {ended.stderr}"]
        sentences = "\n".join(heard.told)
        os.write(os.open(told, os.O_WRONLY | os.O_CREAT), sentences.encode())

    with copied(program) as process:
        process.join(900)
    heard = told.read_text(encoding="utf-8")
    assert heard == ""
