"""What is measured on: a head of noise of the size of a BraTS scan, and a cohort and a bundle of such."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from voxlate.bundle.bundle import Contents, write_bundle
from voxlate.cohort import index_cohort
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.io import write_volume
from voxlate.methods.build import build_learner
from voxlate.methods.interface import Trainable
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

WHOLE = (240, 240, 155)


def head(shape: tuple[int, int, int], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey values ``(i, j, k)`` float32 that vary as tissue does, in an ellipsoid of a third of the grid; its mask."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij")
    radius = np.sqrt(sum((axis / half) ** 2 for axis, half in zip(axes, (0.66, 0.8, 0.92), strict=True)))
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=[-(-n // 5) for n in shape]).astype(np.float32)
    texture = ndimage.zoom(coarse, 5, order=1)[: shape[0], : shape[1], : shape[2]]
    grey = 600 + 150 * texture + 20 * rng.standard_normal(shape, dtype=np.float32)
    mask = radius < 1
    return np.where(mask, grey, 0).astype(np.float32), mask


def write_cohort(folder: Path, *, cases: int, shape: tuple[int, int, int]) -> Path:
    """Cases with T1 and T2 as 16-bit numbers."""
    for case in range(cases):
        place = folder / f"sub-{case + 1:02d}" / "anat"
        place.mkdir(parents=True)
        for number, name in enumerate(("t1", "t2")):
            grey, _ = head(shape, seed=10 * case + number)
            path = place / f"sub-{case + 1:02d}_{name.upper()}w.nii.gz"
            write_volume(Volume(np.rint(grey).astype(np.int16), np.eye(4), contrast=get_contrast(name)), path)
    return folder


def write_model(folder: Path, data: Path, changes: Mapping[str, Any]) -> Path:
    """A bundle of a recipe from T1 to T2 with the weights that a network begins with; nothing is trained."""
    recipe = resolve_recipe("t1-to-t2-fcn", source=["t1"], target="t2", overrides=dict(changes))
    cases = index_cohort(data).cases[:1]
    fingerprint = take_fingerprint(cases, ("t1", "t2"), options=recipe.plan)
    plan = make_plan(fingerprint, recipe.plan, source=("t1",), target="t2")
    torch.manual_seed(0)
    method = build_learner(recipe, plan)
    assert isinstance(method, Trainable)
    contents = Contents(recipe, plan, fingerprint, {"metrics": {}}, frozenset(), method.state_dict(), {}, "")
    return write_bundle(contents, folder)


def recipe_of(changes: Mapping[str, Any]) -> Recipe:
    """The recipe of such a bundle."""
    return resolve_recipe("t1-to-t2-fcn", source=["t1"], target="t2", overrides=dict(changes))
