"""A study in PostgreSQL, on a cluster that the test starts for itself.

It needs the server's programs (Debian: ``apt-get install postgresql``) and the driver (``voxlate[postgresql]``).
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import voxlate
from tests.program import copied
from tests.training.tuning.pretence import pretend, search, searching
from tests.training.tuning.test_workers import check_sharing, wait_for_a_trial, worker

PASSWORD = "very-secret-words"  # noqa: S105  (of a cluster that lives for seconds)


def find_programs() -> Path:
    """The folder of ``initdb`` and ``pg_ctl``, of the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path))
    if not found:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    return found[-1].parent


def as_nobody_special() -> list[str]:
    """What stands before a command, since a server refuses to be started by root."""
    if os.getuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
    return ["runuser", "-u", "postgres", "--"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of an empty database whose user has a password."""
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL: pip install 'voxlate[postgresql]'")
    programs, before = find_programs(), as_nobody_special()
    place = Path(tempfile.mkdtemp(prefix="voxlate-pg-"))
    (place / "password").write_text(PASSWORD + "\n")
    if before:
        shutil.chown(place, "postgres")
        shutil.chown(place / "password", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *words: str) -> None:
        command = [*before, str(programs / program), "-D", str(place / "data"), *words]
        subprocess.run(command, check=True, cwd=place, stdout=subprocess.DEVNULL)

    try:
        run("initdb", "-U", "voxlate", "-A", "scram-sha-256", "--pwfile", str(place / "password"), "--no-sync")
        settings = f"-p {port} -k {place} -h 127.0.0.1 -F"
        run("pg_ctl", "-w", "-l", str(place / "log"), "-o", settings, "start")
        try:
            yield f"postgresql://voxlate:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_workers_share_a_study_and_a_killed_one_goes_on(phantom_cohort: Path, tmp_path: Path, url: str) -> None:
    with_driver = url.replace("postgresql:", "postgresql+psycopg:")
    check_sharing(phantom_cohort, tmp_path, with_driver)
    with copied(worker(phantom_cohort, tmp_path / "first", url, trials=11, seconds=600)):
        wait_for_a_trial(with_driver)
    with pretend():
        searched = search(phantom_cohort, tmp_path / "first", storage=url, trials=11)
    assert searched.count("complete") == 11
    assert searched.count("killed") == 1


def test_the_password_is_shown_nowhere(
    phantom_cohort: Path, tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    recipe = searching().with_overrides({"name": "another"})
    with pretend(), caplog.at_level("DEBUG"):
        voxlate.tune(phantom_cohort, recipe=recipe, out=tmp_path, storage=url, trials=1)
    assert "***" in (tmp_path / "report.html").read_text()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in written)
    assert PASSWORD not in "".join(capfd.readouterr()) + caplog.text
