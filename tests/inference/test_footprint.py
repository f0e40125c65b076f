"""Memory of a translation: forecast from the network's shape, and what programs of their own have taken."""

from __future__ import annotations

import os
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
from voxlate.inference.footprint import Footprint, _batch_voxels, _most_alive, footprint_of
from voxlate.io import write_volume
from voxlate.volume import Volume
from voxlate.web.offers import DEFAULT_FOOTPRINT

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
    found = footprint_of(read_bundle(default_model()))
    assert found is not None
    assert found.weight_bytes == pytest.approx(DEFAULT_FOOTPRINT.weight_bytes, rel=0.01)
    assert found.feature_bytes == pytest.approx(DEFAULT_FOOTPRINT.feature_bytes, rel=0.1)


def peak_mib(run: Path, scan: Path, out: Path) -> float:
    """Of the command that translates a scan."""
    words = [sys.executable, "-m", "voxlate", "translate", run, scan, "--out", out, "--quiet", "--no-picture"]
    process = subprocess.Popen(list(map(str, words)))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024 / MIB


def test_memory_is_what_was_forecast_and_grows_by_bytes_of_a_voxel(trained: Path, tmp_path: Path) -> None:
    bundle = read_bundle(trained / "bundle")
    found = footprint_of(bundle)
    assert isinstance(found, Footprint)
    spacing, sides = bundle.fingerprint.spacing_mm, (64, 192)
    taken, forecast = [], []
    for side in sides:
        scan = tmp_path / f"scan{side}_t1.nii.gz"
        line = np.linspace(-1, 1, side)
        ball = (line[:, None, None] ** 2 + line[:, None] ** 2 + line**2 < 0.8) * np.int16(500)
        ball += (np.arange(side) % 7 * 10).astype(np.int16) * (ball > 0)
        write_volume(Volume(ball.astype(np.int16), np.diag([*spacing, 1.0])), scan)
        taken.append(peak_mib(trained, scan, tmp_path / f"t2_{side}.nii.gz"))
        forecast.append(found.peak_bytes(bundle, (side, side, side), spacing) / MIB)
    for one, other in zip(taken, forecast, strict=True):
        assert other / 2 < one < other * 1.6
    assert (taken[1] - taken[0]) * MIB / (sides[1] ** 3 - sides[0] ** 3) < 120
