"""A data set is translated and killed with -9 again and again: final names are whole files, and a rerun goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from voxlate.cohort import index_cohort
from voxlate.io import file_digest, read_provenance, read_volume


def command(model: Path, data: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "voxlate.cli", "translate", str(model), str(data), "--out", str(out)]


def test_killed_translations_leave_only_whole_files(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    cases = [case.id for case in index_cohort(phantom_cohort).cases]
    killed = 0
    for number in range(len(cases)):
        with subprocess.Popen(
            command(trained, phantom_cohort, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        ) as process:
            # Killed as soon as the next case has its first file, whichever that is.
            while process.poll() is None and len(list(out.glob("*/*"))) <= number:
                time.sleep(0.002)
            process.kill()
        killed += process.returncode == -9
        for path in out.glob("*/*_t2.nii.gz"):
            provenance = read_provenance(path)
            assert provenance is not None
            assert provenance.output_sha256 == file_digest(path)
            assert read_volume(path).shape == (48, 48, 48)
    assert killed > 0
    subprocess.run(command(trained, phantom_cohort, out), check=True, stdout=subprocess.DEVNULL, env=environment)
    assert sorted(path.name for path in out.glob("*/*.nii.gz")) == sorted(f"{case}_t2.nii.gz" for case in cases)
    assert not [path for path in out.rglob("*") if "voxlate-tmp" in path.name]
