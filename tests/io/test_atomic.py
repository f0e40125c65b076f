"""Rows 21, 22 and 31: a file appears whole or not at all, whatever the disk, the path or a kill does."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.io.crafted import SUFFIXES
from tests.program import copied, side_by_side
from voxlate.errors import WriteError
from voxlate.io import (
    Provenance,
    check_writable,
    read_provenance,
    read_volume,
    remove_stale,
    replacing,
    write_bytes,
    write_text,
    write_volume,
)
from voxlate.io import atomic as atomic_module
from voxlate.io.atomic import replacing_folder
from voxlate.volume import Volume

PROVENANCE = Provenance(synthetic=True, target="t2", unit="a.u.")


def _volume(seed: int) -> Volume:
    array = np.random.default_rng(seed).integers(0, 30000, (160, 120, 60)).astype(np.int16)
    return Volume(array, np.diag([1.0, 2, 3, 1]))


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_text_and_bytes_replace_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "Höhe")
    assert path.read_text(encoding="utf-8") == "Höhe"
    write_bytes(path, b"\0\1")
    assert _snapshot(tmp_path) == {"a.txt": b"\0\1"}


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"old")

    def stop_in_the_middle() -> None:
        with replacing(path) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.name.endswith(".nii.gz")
            temporary.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stop_in_the_middle()
    assert _snapshot(tmp_path) == {"a.nii.gz": b"old"}


@contextmanager
def _failing_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[list[str]]:
    """Every write, fsync and rename counts; the one numbered ``step`` fails as a full disk does."""
    steps: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            steps.append(name)
            if len(steps) == step:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **options)

        return wrapper

    def failing_fill(path: Path, pieces: Any) -> None:
        with path.open("r+b") as file:
            write = counted("write", file.write)
            for piece in pieces:
                write(piece)

    with monkeypatch.context() as patched:
        patched.setattr("voxlate.io.writing.fill", failing_fill)
        patched.setattr(atomic_module.os, "fsync", counted("fsync", os.fsync))
        patched.setattr(Path, "replace", counted("rename", Path.replace))
        yield steps


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_full_at_any_step_keeps_the_old_files(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_volume(_volume(1), tmp_path / f"a{suffix}", provenance=PROVENANCE)
    old = _snapshot(tmp_path)
    with _failing_at(monkeypatch, 0) as steps:
        write_volume(_volume(1), path, provenance=PROVENANCE, overwrite=True)
    assert steps.count("write") >= 4
    renamed = steps.index("rename")
    for step in range(1, renamed + 2):
        with _failing_at(monkeypatch, step), pytest.raises(WriteError, match="no space left"):
            write_volume(_volume(2), path, provenance=PROVENANCE, overwrite=True)
        assert _snapshot(tmp_path) == old
    np.testing.assert_array_equal(read_volume(path).array, _volume(1).array)
    write_volume(_volume(2), path, provenance=PROVENANCE, overwrite=True)
    assert sorted(_snapshot(tmp_path)) == sorted(old)


def test_what_need_not_last_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for durable in (True, False):
        with _failing_at(monkeypatch, 0) as steps, replacing(tmp_path / "a.json", durable=durable) as temporary:
            temporary.write_bytes(b"{}")
        counts.append((steps.count("fsync"), steps.count("rename")))
    assert counts == [(2, 1), (0, 1)]
    assert _snapshot(tmp_path) == {"a.json": b"{}"}


WRITER = """
import resource, signal, sys
import numpy as np
from voxlate.errors import WriteError
from voxlate.io import write_volume
from voxlate.volume import Volume

array = np.random.default_rng(2).integers(0, 30000, (160, 120, 60)).astype(np.int16)
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write_volume(Volume(array, np.eye(4)), sys.argv[1], overwrite=True)
except WriteError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("suffix", [".nii.gz", ".mhd"])
def test_a_real_limit_of_file_size_keeps_the_old_file(tmp_path: Path, suffix: str) -> None:
    path = write_volume(_volume(1), tmp_path / f"a{suffix}")
    old = _snapshot(tmp_path)
    command = [sys.executable, "-c", WRITER, str(path), "1000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "file too large" in done.stdout
    assert _snapshot(tmp_path) == old


def test_a_really_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    mount = "mount -t tmpfs -o size=4m tmpfs " + str(tmp_path)
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system cannot be mounted here: needs unshare and user namespaces")
    (tmp_path.parent / "writer.py").write_text(WRITER)
    script = f"""
        set -e
        {mount}
        cd {tmp_path}
        {sys.executable} {tmp_path.parent}/writer.py a.nii
        sha256sum a.nii > sum
        {sys.executable} {tmp_path.parent}/writer.py a.nii && exit 9
        sha256sum --check --quiet sum
        {sys.executable} {tmp_path.parent}/writer.py b.nii && exit 9
        test "$(ls -A | tr '\\n' ' ')" = "a.nii sum "
    """
    done = subprocess.run(["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("no space left on device") == 2


def test_kill_at_any_moment_leaves_a_whole_file_and_the_next_run_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    rng = np.random.default_rng(5)
    left = 0

    def write() -> None:
        for value in range(10**6):
            array = np.full((60, 50, 40), value % 30000, np.int16)
            write_volume(Volume(array, np.eye(4)), path, provenance=PROVENANCE, overwrite=True)

    for _ in range(8):
        with copied(write):
            time.sleep(float(rng.uniform(0.02, 0.12)))
        left += len(list(tmp_path.glob(f"{atomic_module.PREFIX}*")))
        if path.exists():
            array = read_volume(path).array
            assert (array == array[0, 0, 0]).all()
            assert read_provenance(path) is not None
    write_volume(_volume(1), path, provenance=PROVENANCE, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.nii.gz"]
    assert left > 0, "no kill hit a write: the test has shown nothing"


def test_only_abandoned_temporary_files_are_removed(tmp_path: Path) -> None:
    abandoned = tmp_path / f"{atomic_module.PREFIX}0123.nii"
    abandoned.write_bytes(b"half")
    with replacing(tmp_path / "a.nii") as living:
        assert not abandoned.exists(), "the next writer clears up"
        abandoned.write_bytes(b"half")
        assert remove_stale(tmp_path) == [abandoned]
        assert living.exists()
    assert remove_stale(tmp_path / "absent") == []


def test_writers_of_several_processes_do_not_disturb_each_other(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for index in range(60):
            write_text(tmp_path / f"{number}-{index % 5}.txt", "x" * 1000)

    side_by_side(*(partial(write, number) for number in range(3)))
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {1000}
    assert len(list(tmp_path.iterdir())) == 15


@pytest.mark.parametrize(
    "name", ["T2 post  Kopf.nii.gz", "Schädel_頭蓋_голова.nii.gz", "-rf.nii", "a\nb.mha", "n" * 248 + ".nii.gz"]
)
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "Ordner mit Blank 頭"
    for part in ("d" * 200,) * 12:
        folder = folder / part
    folder.mkdir(parents=True)
    assert len(str(folder)) > 2400
    path = write_volume(_volume(1), folder / name)
    np.testing.assert_array_equal(read_volume(path).array, _volume(1).array)


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_a_pair_with_an_odd_name_finds_its_data(tmp_path: Path, suffix: str) -> None:
    path = write_volume(_volume(1), tmp_path / f"Schädel 頭 50% (1){suffix}")
    np.testing.assert_array_equal(read_volume(path).array, _volume(1).array)


def _bad_folders(tmp_path: Path) -> list[Path]:
    (tmp_path / "file").write_bytes(b"")
    return [tmp_path / "file", tmp_path / "file" / "below", Path("/proc/voxlate"), tmp_path / ("n" * 300)]


def test_a_folder_that_cannot_be_written_is_refused_before_any_computing(tmp_path: Path) -> None:
    for folder in _bad_folders(tmp_path):
        with pytest.raises(WriteError):
            check_writable(folder)
        with pytest.raises(WriteError):
            write_volume(_volume(1), folder / "a.nii.gz")
    with pytest.raises(WriteError, match="name too long"):
        check_writable(tmp_path, names=["a" * 260])
    check_writable(tmp_path / "new" / "folder", names=["a" * 255])
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    closed.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere: be nobody
    try:
        with pytest.raises(WriteError, match="permission denied"):
            check_writable(closed)
        with pytest.raises(WriteError, match="permission denied"):
            write_text(closed / "a.txt", "x")
    finally:
        os.seteuid(user)
    assert list(closed.iterdir()) == []


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    with replacing_folder(folder) as temporary:
        (temporary / "a").write_bytes(b"1")
        assert not folder.exists()
        assert remove_stale(tmp_path) == []
    with pytest.raises(WriteError), replacing_folder(folder) as temporary:
        (temporary / "nowhere" / "b").write_bytes(b"2")
    assert _snapshot(folder) == {"a": b"1"}
    with replacing_folder(folder) as temporary:
        (temporary / "b").write_bytes(b"2")
    assert _snapshot(folder) == {"b": b"2"}
    (tmp_path / f"{atomic_module.PREFIX}0123").mkdir()
    (tmp_path / f"{atomic_module.PREFIX}0123" / "left").write_bytes(b"by a process that was killed")
    assert len(remove_stale(tmp_path)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["series"]


def test_a_target_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").mkdir()
    with pytest.raises(WriteError):
        write_volume(_volume(1), tmp_path / "a.nii", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]
