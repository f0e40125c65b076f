"""Memory of a translation: forecast from the network's shape, and what programs of their own have taken."""

from __future__ import annotations

import subprocess
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

from voxlate.bundle.bundle import read_bundle
from voxlate.bundle.shipped import default_model
from voxlate.config.window import WindowOptions
from voxlate.inference.footprint import Footprint, _batch_voxels, _footprint_of, _most_alive
from voxlate.io import write_volume
from voxlate.volume import Volume
from voxlate.web.offers import _DEFAULT_FOOTPRINT

MIB = 2**20


def test_what_is_alive_at_once_is_counted_once() -> None:
    def work() -> torch.Tensor:
        first = torch.ones(1000)
        second = first * 2
        del first
        third = second.view(10, 100) + 1  # second and third
        del second
        return third[0]

    assert _most_alive(work) == 2 * 4000


def test_a_batch_is_a_window_or_some_slices() -> None:
    shape = (128, 256, 64)
    assert _batch_voxels(WindowOptions(kind="slices", axis=2), shape) == 8 * 128 * 256
    assert _batch_voxels(WindowOptions(kind="slices", axis=2), (600, 600, 9)) == 600 * 600
    assert _batch_voxels(WindowOptions(kind="patches", size=(64, 64, 96)), shape) == 64**3
    assert _batch_voxels(WindowOptions(kind="volume"), shape) == prod(shape)


def test_the_footprint_of_the_default_model_is_known() -> None:
    found = _footprint_of(read_bundle(default_model()))
    assert found is not None
    assert found.weight_bytes == pytest.approx(_DEFAULT_FOOTPRINT.weight_bytes, rel=0.01)
    assert found.feature_bytes == pytest.approx(_DEFAULT_FOOTPRINT.feature_bytes, rel=0.1)


_TRANSLATING = """
import sys
from pathlib import Path
import voxlate
from voxlate.inference.runtimes.allocator import keep_freed_memory
keep_freed_memory()
for scan in sys.argv[2:]:
    voxlate.translate(sys.argv[1], scan, out=scan.replace("_t1", "_t2"), picture=False)
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
"""


def peaks_mib(run: Path, *scans: Path) -> list[float]:
    """Of a program that translates scans, after each; what the system tells of its children begins with our own."""
    words = [sys.executable, "-c", _TRANSLATING, run, *scans]
    told = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True).stdout
    return [int(line) / 1024 for line in told.split()]


def test_memory_is_what_was_forecast_and_grows_by_bytes_of_a_voxel(trained: Path, tmp_path: Path) -> None:
    bundle = read_bundle(trained / "bundle")
    found = _footprint_of(bundle)
    assert isinstance(found, Footprint)
    spacing, sides, scans = bundle.fingerprint.spacing_mm, (64, 160), []
    for side in sides:
        line = np.linspace(-1, 1, side)
        ball = (line[:, None, None] ** 2 + line[:, None] ** 2 + line**2 < 0.8) * (500 + np.arange(side) % 7 * 10)
        scans.append(tmp_path / f"scan{side}_t1.nii.gz")
        write_volume(Volume(ball.astype(np.int16), np.diag([*spacing, 1.0])), scans[-1])
    taken = peaks_mib(trained, *scans)
    for side, one in zip(sides, taken, strict=True):
        forecast = found.peak_bytes(bundle, (side, side, side), spacing) / MIB
        assert forecast / 2 < one < forecast * 1.6
    assert (taken[1] - taken[0]) * MIB / (sides[1] ** 3 - sides[0] ** 3) < 120
