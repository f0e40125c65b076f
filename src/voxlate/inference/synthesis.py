"""Whole new cases: a label map drawn by the bundle's shape model, and the image that the bundle makes of it.

    <out>/synthetic-00001-s7/synthetic-00001-s7_labels.nii.gz    and its sidecar: model, shape model, seed, number
    <out>/synthetic-00001-s7/synthetic-00001-s7_ct.nii.gz        and its sidecar, which names the label map
    <out>/manifest.csv                                           a line per case: status, seconds, reason
    <out>/seen.json                                              SHA-256 of the images that the model has seen

Case ``n`` of a seed is the same however many are asked for. Both images are marked synthetic. What the model has seen
is listed so that a privacy audit can tell the images that it was trained on from others.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, TrainingError, UsageError, VoxlateError, WriteError
from voxlate.inference.derivatives import MANIFEST, target_path, write_manifest
from voxlate.inference.model import Model
from voxlate.inference.outcome import Outcome
from voxlate.inference.translate import translate_file
from voxlate.io import (
    DrawRecord,
    ModelRecord,
    Provenance,
    check_writable,
    file_digest,
    hold,
    read_provenance,
    remove_stale,
    write_text,
    write_volume,
)
from voxlate.io.lock import LOCK_NAME
from voxlate.shapes import ShapeModel
from voxlate.volume import Volume

logger = logging.getLogger(__name__)
SEEN = "seen.json"
ATTEMPTS = 10
_MOST_CASES = 99_999


def case_name(number: int, *, seed: int) -> str:
    """The id of case ``number``, counted from 1; no real case has such a one, and no two seeds share one.

    Example:
        >>> case_name(1, seed=7)
        'synthetic-00001-s7'
    """
    return f"synthetic-{number:05d}-s{seed}"


def synthesise_cases(
    model: Model,
    folder: Path,
    *,
    cases: int,
    seed: int,
    overwrite: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Draws label maps and translates each by the model; a case that fails is named and the others go on.

    What is there already from the same model, seed and number is left alone.

    Args:
        model: Its recipe has ``shapes``.
        folder: New, empty, or with earlier cases of this command; cases of other seeds may lie in it.
        cases: How many, from 1.
        seed: Draws them.
        overwrite: Whether what is there is made anew.
        report: Called with the number of finished cases and of all.

    Raises:
        UsageError: If the recipe has no ``shapes``, a number is out of range, or the folder holds anything else.
        BundleError: If the bundle's shape model is damaged.
        LockedError: If another process writes to the folder.
    """
    if not 1 <= cases <= _MOST_CASES or seed < 0:
        raise UsageError(
            f"1 to {_MOST_CASES} cases and a seed of 0 or more",
            came=f"{cases} cases, seed {seed}",
            remedy="Choose other numbers; another seed draws other cases.",
        )
    shapes = model.bundle.shapes()
    seen = json.dumps(sorted(model.bundle.seen), indent=1) + "\n"
    _check_folder(folder, seen)
    check_writable(folder)
    outcomes: list[Outcome] = []
    with hold(folder, what="synthesis"):
        remove_stale(folder)
        write_text(folder / SEEN, seen)
        for number in range(1, cases + 1):
            outcomes.append(_make(_Drawing(model, shapes, seed, number, folder), overwrite=overwrite))
            write_manifest(outcomes, folder)
            report(number, cases)
    return outcomes


@dataclass(frozen=True)
class _Drawing:
    """A case to be made."""

    model: Model
    shapes: ShapeModel
    seed: int
    number: int
    folder: Path

    @property
    def contrast(self) -> str:
        """Of the label map: what the model goes out from."""
        return self.model.bundle.plan.reference

    @property
    def case(self) -> Case:
        name = case_name(self.number, seed=self.seed)
        return Case(id=name, subject=name, paths={self.contrast: target_path(self.folder, name, self.contrast)})

    def provenance(self) -> Provenance:
        recipe = self.model.bundle.recipe
        return Provenance(
            synthetic=True,
            model=ModelRecord(name=recipe.name, digest=self.model.bundle.digest),
            drawn=DrawRecord(shapes=recipe.shapes.name if recipe.shapes else "", seed=self.seed, number=self.number),
            target=self.contrast,
            unit="",
        )

    def draw(self) -> Volume:
        rng = np.random.default_rng(np.random.SeedSequence((self.seed, self.number)))
        for _ in range(ATTEMPTS):
            labels = self.shapes.sample(rng)
            if labels.array.any():
                return replace(labels, contrast=get_contrast(self.contrast))
        raise TrainingError(
            "a label map with labelled voxels",
            came=f"{ATTEMPTS} empty ones",
            where=self.case.id,
            remedy="Look at the training label maps, or set shapes to another model.",
        )

    def outcome(self, status: str, seconds: float, reason: str = "") -> Outcome:
        return Outcome(
            self.case.id,
            "done" if status == "done" else "skipped" if status == "skipped" else "failed",
            seconds,
            reason=reason,
            target=self.model.target,
            model=self.model.name,
            sources=self.model.bundle.recipe.source,
        )


def _make(drawing: _Drawing, *, overwrite: bool) -> Outcome:
    began = time.monotonic()
    try:
        case = drawing.case
        path = case.paths[drawing.contrast]
        path.parent.mkdir(exist_ok=True)
        drawn_now = overwrite or not _is_finished(path, drawing.provenance())
        if drawn_now:
            write_volume(drawing.draw(), path, provenance=drawing.provenance(), overwrite=True)
        made = translate_file(
            drawing.model, case, target_path(drawing.folder, case.id, drawing.model.target), overwrite=overwrite
        )
        status = "done" if drawn_now or made.status == "done" else "skipped"
        return drawing.outcome(status, time.monotonic() - began, "" if status == "done" else made.reason)
    except VoxlateError as error:
        reason = str(error)
    except Exception as error:  # one case never affects another
        logger.warning("case %s failed unexpectedly", drawing.case.id, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
    return drawing.outcome("failed", time.monotonic() - began, reason)


def _is_finished(path: Path, wanted: Provenance) -> bool:
    """Whether the label map is there, whole, and drawn by the same model, seed and number.

    Raises:
        WriteError: If a file is there that this did not write.
    """
    if not path.exists():
        return False
    old = None
    with suppress(ReadError):
        old = read_provenance(path)
    if old is None or old.drawn is None:
        raise WriteError(
            "a free name, or an earlier drawing",
            came="another file",
            where=path,
            remedy="Choose another --out, or add --overwrite.",
        )
    same = (old.model, old.drawn, old.target) == (wanted.model, wanted.drawn, wanted.target)
    return same and old.output_sha256 == file_digest(path)


def _check_folder(folder: Path, seen: str) -> None:
    """Refuses a folder of anything but such cases, or of a model that has seen other images."""
    if not folder.exists():
        return
    there = {entry.name for entry in folder.iterdir()} - {LOCK_NAME} if folder.is_dir() else {folder.name}
    known = folder / SEEN
    if there and not known.is_file():
        came = "something else"
    elif there and known.read_text(encoding="utf-8") != seen:
        came = "cases of a model that has seen other images"
    else:
        return
    raise UsageError(
        f"a new or empty folder, or one with earlier cases ({MANIFEST}, {SEEN}) of this model",
        came=came,
        where=folder,
        remedy="Give another --out.",
    )
