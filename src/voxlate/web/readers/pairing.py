"""The worker of a reader study: makes its pairs, and of each what readers see.

Both images of a pair are treated alike, so that nothing but what they show tells them apart: one grid, one grey scale
of 8 bits from the lowest to the highest of both windows, black wherever either is its background, and a file with
nothing in its header but the grid. A pair whose images lie on different grids is left out, since resampling would
smooth one of them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voxlate.cohort import Case, index_cohort
from voxlate.cohort.foreground import constant_background
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, VoxlateError
from voxlate.inference.cohort.translate import translate_file
from voxlate.inference.model import Model
from voxlate.io import read_volume, write_volume
from voxlate.jobs.job import read_json, write_json
from voxlate.jobs.worker import carry_out
from voxlate.plainyaml import Json
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.progress import ProgressReport
from voxlate.verbs.translate import models_for
from voxlate.volume import Volume
from voxlate.web.readers.places import PAIR, PAIRS, SIDES
from voxlate.web.recognition import window_of


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Makes the pairs; those that are whole are left as they are."""
    target, count = get_contrast(order["target"]).name, int(order["cases"])
    if get_contrast(target).kind == "label":
        raise UsageError("a target that is an image", came=target, remedy="Label maps are compared by their scores.")
    models = [models_for(Path(one), target=target, accept={})[0][0] for one in order["models"]]
    is_real = order["kind"] == "real"
    cases = _candidates(Path(order["data"]), models, target, is_real=is_real, seed=int(order["seed"]))
    made: list[Json] = []
    left: list[str] = []
    for case in cases:
        if len(made) == count:
            break
        report("pairs", len(made), count)
        place = folder / PAIRS / f"{len(made):04d}"
        try:
            made.append(_pair(case, models, place, target=target, is_real=is_real))
        except VoxlateError as error:
            left.append(f"{case.id}: expected {error.expected}, got {error.came}")
    if not made:
        what = f"cases with {target}, and with what the models start from" if is_real else "cases that both translate"
        came = left[0] if left else "none in the data set"
        raise UsageError(what, came=came, remedy="Choose another data set, target or model.")
    return {"pairs": made, "left_out": left}


def _candidates(data: Path, models: Sequence[Model], target: str, *, is_real: bool, seed: int) -> list[Case]:
    """The cases that pairs can be made of, in an order that the seed draws; those that a model has seen come last."""
    having = [(case, case.paths.keys() - {target}) for case in index_cohort(data).cases]
    fit = [
        case
        for case, others in having
        if (not is_real or target in case.paths) and all(model.can_make(target, others) for model in models)
    ]
    random.Random(seed).shuffle(fit)  # noqa: S311
    return sorted(fit, key=lambda case: any(model.has_seen(case) for model in models))


def _pair(case: Case, models: Sequence[Model], place: Path, *, target: str, is_real: bool) -> Json:
    kept = read_json(place / PAIR)
    if kept is not None and kept["case"] == case.id:
        return kept
    others = {name: path for name, path in case.paths.items() if name != target}
    images = [read_volume(case.paths[target], contrast=get_contrast(target))] if is_real else []
    seen = False
    for number, model in enumerate(models):
        path = place / f"made{number}.nii.gz"
        outcome = translate_file(model.asked(others, target), case, path, overwrite=True)
        seen = seen or bool(outcome.seen)
        images.append(read_volume(path, contrast=get_contrast(target)))
        path.unlink()
    for shown, name in zip(_alike(*images), SIDES, strict=True):
        write_volume(shown, place / f"{name}.nii", overwrite=True)
    told = {"case": case.id, "seen": seen}
    write_json(place / PAIR, told)
    return told


def _alike(one: Volume, other: Volume) -> tuple[Volume, Volume]:
    """Both as readers see them.

    Raises:
        UsageError: If they lie on different grids.
    """
    if one.array.shape != other.array.shape or not np.allclose(one.affine, other.affine, atol=1e-3):
        remedy = "Bring the contrasts of the case onto one grid: voxlate register."
        raise UsageError("both images of a pair on one grid", came="two grids", remedy=remedy)
    windows = np.array([window_of(one), window_of(other)])
    low, high = windows[:, 0].min(), windows[:, 1].max()
    empty = _background(one) | _background(other)
    grid = ras_grid(one.grid)

    def shown(volume: Volume) -> Volume:
        values = np.nan_to_num(np.asarray(volume.array, np.float32), nan=low)
        grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
        grey = np.where(empty, 0, np.rint(255 * grey)).astype(np.uint8)
        return Volume(np.ascontiguousarray(to_ras(grey, volume.affine)), grid.affine)

    return shown(one), shown(other)


def _background(volume: Volume) -> np.ndarray:
    array = np.asarray(volume.array)
    constant = constant_background(array)
    return np.zeros(array.shape, bool) if constant is None else array == constant


if __name__ == "__main__":
    sys.exit(carry_out(Path(sys.argv[1]), _work))
