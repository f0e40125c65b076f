"""A CT that shows the upper part of the heads teaches what a full one teaches there, and not that the rest is air."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.preprocess.samples import affine_of, head, painted, write
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort.case import Case
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.inference.model import load_model
from voxlate.training.train import train_run

SHAPE = (18, 20, 16)
AFFINE = affine_of(spacing=(8.0, 8.0, 8.0))
FIRST = 7
"""The first slice that the CT shows: 55 % of them."""


def _recipe() -> Recipe:
    network = {"name": "unet", "channels": [8, 16]}
    return load_recipe("avula2020-t1-to-t2").with_overrides(
        {
            "source": ["t1"],
            "target": "ct",
            "method": {"name": "regression", "network": network},
            "loss": {"l1": 1.0},
            "training": {
                "steps": 100,
                "batch_size": 4,
                "learning_rate": 0.003,
                "validate_every": 100,
                "precision": "fp32",
            },
            "plan.split": {"train": ["a", "b", "c"], "validation": ["d"], "test": ["e"]},
        }
    )


def _cohort(folder: Path, *, first: int) -> Path:
    for seed, name in enumerate("abcde"):
        labels = head(SHAPE, seed=seed)
        above = AFFINE.copy()
        above[:3, 3] += first * above[:3, 2]
        t1 = painted(labels, (0.0, 300.0, 200.0, 120.0), noise=6, seed=seed)
        ct = painted(labels, (-1000.0, 900.0, 40.0, 10.0), noise=8, seed=seed + 9).astype(np.int16)
        write(folder / name / "t1.nii.gz", t1, AFFINE)
        write(folder / name / "ct.nii.gz", ct[:, :, first:], above)
    return folder


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[float, float]]:
    """From the first slice of the training CTs to the MAE in HU of a new head, where they show it and below."""
    folder = tmp_path_factory.mktemp("hidden")
    truth = painted(head(SHAPE, seed=4), (-1000.0, 900.0, 40.0, 10.0), noise=8, seed=13)
    inside = head(SHAPE, seed=4) > 0
    found = {}
    for first in (0, FIRST):
        data = _cohort(folder / f"from-{first}", first=first)
        run = train_run(data, _recipe(), folder / f"run-{first}", check=False)
        assert ("not_shown" in read_bundle(run.folder).scores) == bool(first)
        model = load_model(run.folder)
        case = Case("e", "e", {"t1": data / "e" / "t1.nii.gz"})
        error = np.abs(model.translate(model.prepare(case)).array - truth)
        found[first] = tuple(
            float(error[:, :, part][inside[:, :, part]].mean()) for part in (slice(FIRST, None), slice(FIRST))
        )
    return found


def test_where_it_was_measured_it_is_as_good(errors: dict[int, tuple[float, float]]) -> None:
    assert errors[FIRST][0] < 1.25 * errors[0][0]


def test_where_it_was_not_it_is_no_air(errors: dict[int, tuple[float, float]]) -> None:
    """Below the field of view the model goes on by what it learned above it; padding with air cost 500 HU and more."""
    assert errors[FIRST][1] < 1.5 * errors[0][1]
    assert errors[FIRST][1] < 300
