"""Memory of one large volume: the peak of the command that translates a CT of 512 x 512 x 512 voxels.

    python benchmarks/large_volume.py [--side 256 512] [--window slices patches]

A network that has taken a step on phantoms of 32 voxels (what it weighs is of no account here) translates a body of
water, bone and air with noise, as a program of its own whose peak the system tells. Prints a line per side and window:
the peak in GiB, that of the program without a volume, bytes per voxel, and seconds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import voxlate
from voxlate.contrast import get_contrast
from voxlate.io import write_volume
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

GIB = 2**30
SPACING_MM = 6.25
"""Of the phantoms of 32 voxels: a volume of another spacing would be resampled to it, and be small."""
WINDOWS = {"slices": {"window.kind": "slices"}, "patches": {"window.kind": "patches", "window.size": [64, 64, 64]}}


def write_body(path: Path, side: int) -> Path:
    """A cylinder of soft tissue with a core of bone in air, int16, slice by slice."""
    rng, line = np.random.default_rng(side), np.linspace(-1, 1, side, dtype=np.float32)
    radius = np.hypot(line[:, None], line[None, :])
    plane = np.where(radius < 0.2, 900, np.where(radius < 0.8, 40, -1000)).astype(np.int16)
    array = np.empty((side, side, side), np.int16)
    for k in range(side):
        array[:, :, k] = np.clip(plane + rng.normal(0, 12, plane.shape), -1024, 3000)
    write_volume(Volume(array, np.diag([SPACING_MM] * 3 + [1.0]), contrast=get_contrast("ct")), path)
    return path


def train(folder: Path, window: str) -> Path:
    """A model from CT to T1 that has hardly learned."""
    cohort = voxlate.phantom(folder / "cohort", cases=4, seed=1, size=32, contrasts=["ct", "t1"])
    network = {"name": "unet", "channels": [8, 16]}
    brief = {"training.epochs": None, "training.steps": 1, "training.batch_size": 1, "training.figure_at": []}
    changes = {**brief, "method.network": network, **WINDOWS[window]}
    recipe = resolve_recipe("t1-to-t2-fcn", source="ct", target="t1", overrides=changes)
    return voxlate.train(cohort, recipe=recipe, out=folder / window, progress=False)


_PROGRAM = """
import sys
from pathlib import Path
from voxlate.cli import main
try:
    main()
finally:
    sys.stderr.write(Path("/proc/self/status").read_text())
"""


def peak_of(*words: object) -> tuple[float, float]:
    """GiB at most, and seconds, of the command with these words."""
    began = time.monotonic()
    # As the program tells it: what the system tells of a child begins with the peak of its parent.
    command = [sys.executable, "-c", _PROGRAM, *map(str, words)]
    told = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr  # noqa: S603
    peak = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:"))
    return peak * 1024 / GIB, time.monotonic() - began


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--window", nargs="+", choices=WINDOWS, default=list(WINDOWS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bodies = {side: write_body(Path(folder) / f"p{side}_ct.nii.gz", side) for side in (32, *asked.side)}
        for window in asked.window:
            run = train(Path(folder), window)
            empty, _ = peak_of("translate", run, bodies[32], "--out", Path(folder) / "small.nii.gz", "--quiet")
            for side in asked.side:
                peak, took = peak_of(
                    "translate", run, bodies[side], "--out", Path(folder) / f"{window}{side}.nii.gz", "--quiet"
                )
                each = (peak - empty) * GIB / side**3
                told = f"{peak:.2f} GiB, of which {empty:.2f} without it; {each:.0f} bytes per voxel; {took:.0f} s"
                print(f"{window} {side}^3: {told}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
