"""A data set with gaps is filled and killed with -9 again and again: final names are whole files, a rerun goes on."""

from __future__ import annotations

import time
from pathlib import Path

from tests.program import run_here, started
from voxlate.cohort import index_cohort
from voxlate.io import file_digest, read_provenance, read_volume


def test_killed_imputations_leave_only_whole_files(models: Path, gapped: Path) -> None:
    for folder in sorted(gapped.glob("Phantom-*"))[8:]:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    cases = index_cohort(gapped).cases
    wanted = {f"{case.id}_flair.nii.gz" for case in cases if "t2" in case.paths and "flair" not in case.paths}
    wanted |= {f"{case.id}_t1.nii.gz" for case in cases if "t1c" in case.paths and "t1" not in case.paths}
    unable = any("t2" not in case.paths and "flair" not in case.paths for case in cases)
    before = {path: (file_digest(path), path.stat().st_mtime_ns) for case in cases for path in case.paths.values()}
    out = gapped / "derivatives" / "voxlate"
    words = ["translate", models, gapped, "--out", out]
    killed = 0
    assert len(wanted) > 2
    for number in range(2):
        with started(*words) as process:
            # Killed as soon as the next image has its first file, whichever that is.
            while process.is_alive() and len(list(out.glob("*/*"))) <= 2 * number:
                time.sleep(0.002)
        killed += process.exitcode == -9
        for path in out.glob("*/Phantom-*.nii.gz"):
            provenance = read_provenance(path)
            assert provenance is not None
            assert provenance.output_sha256 == file_digest(path)
            assert read_volume(path).shape == (32, 32, 32)
    assert killed > 0
    last = run_here(*words)
    assert last.returncode == int(unable), last.stderr
    assert {path.name for path in out.glob("*/Phantom-*.nii.gz")} == wanted
    assert not list(out.rglob(".voxlate-*"))
    completed = index_cohort(out / "completed.csv").cases
    assert sum(len(case.paths) for case in completed) == len(before) + len(wanted)
    assert {path: (file_digest(path), path.stat().st_mtime_ns) for path in before} == before
