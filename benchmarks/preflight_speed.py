"""What the preflight costs: time and processor time for a cohort of scans of 256 x 256 x 25 voxels.

    OMP_NUM_THREADS=1 python benchmarks/preflight_speed.py [--cases 100] [--folder FOLDER]

Phantom heads are drawn small, brought to that size and given noise: T1 and T2 as 16-bit numbers, and their labels. The
preflight is run as `train` runs it, from T1 to T2, and once more with what it kept. Run it with nothing else on the
machine: processor time grows by a third and more where other programs keep it busy.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.contrast import get_contrast
from voxlate.io import read_volume, write_volume
from voxlate.phantoms import make_cohort
from voxlate.progress.spreading import cores
from voxlate.volume import Volume

SHAPE = (256, 256, 25)
NAMES = ("t1", "t2", "labels")


def draw(root: Path, cases: int) -> Path:
    """Writes the cohort."""
    small = make_cohort(root / "small", cases=cases, seed=7, size=64)
    rng = np.random.default_rng(0)
    for case in index_cohort(small).cases:
        for name in NAMES:
            volume = read_volume(case.paths[name], contrast=get_contrast(name))
            factor = np.array(SHAPE) / np.array(volume.shape)
            affine = volume.affine @ np.diag([*(1 / factor), 1])
            label = name == "labels"
            array = ndimage.zoom(volume.array.astype(np.float32), factor, order=0 if label else 1)
            if not label:
                array *= 1000 / np.percentile(array, 99)
                array = np.hypot(array + rng.normal(0, 15, SHAPE), rng.normal(0, 15, SHAPE))
            path = root / "cohort" / case.id / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(Volume(np.rint(array).astype(np.uint8 if label else np.int16), affine, volume.contrast), path)
    return root / "cohort"


def measure(data: Path, keep: Path) -> str:
    """How long it took, and how much the processors worked."""
    cohort = index_cohort(data)
    began, worked = time.perf_counter(), time.process_time()
    found = preflight(cohort, source=["t1"], target="t2", keep=keep)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    codes = sorted({finding.code for finding in found if finding.severity != "info"})
    count = len(cohort.cases)
    return (
        f"{took:.1f} s for {count} cases on {cores()} cores, {worked:.1f} s of processor time ({worked / count:.3f} s "
        f"a case); findings: {', '.join(codes) or 'none'}"
    )


def main() -> None:
    """Draws, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="a folder for the cohort, which is drawn there once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = asked.folder or Path(place)
        data = root / "cohort" if (root / "cohort").is_dir() else draw(root, asked.cases)
        first = index_cohort(data)
        preflight(replace(first, cases=first.cases[:1]), source=["t1"], target="t2")  # what is imported once
        with tempfile.TemporaryDirectory() as keep:
            print(f"the first time: {measure(data, Path(keep))}", flush=True)
            print(f"once more: {measure(data, Path(keep))}")


if __name__ == "__main__":
    main()
