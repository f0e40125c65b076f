"""Figures of a finished run that need more than its log: what registration did, and what a frozen network keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxlate.cohort import Case
from voxlate.cohort.split_file import read_split
from voxlate.config.recipe import load_recipe
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.inference.model import load_model
from voxlate.io.atomic import write_bytes
from voxlate.methods.style_transfer.method import StyleTransfer
from voxlate.methods.style_transfer.reconstruction import reconstruct
from voxlate.preprocess.images import BACKGROUND, read_contrast
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.registration.registration import REGISTERING
from voxlate.preprocess.resampling import resample
from voxlate.preprocess.store import PreparedStore
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.views import PLANES
from voxlate.reporting.run.alignment import Aligned, draw_alignment
from voxlate.reporting.run.reconstructions import draw_reconstructions
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import load_cohort
from voxlate.windows import Window


def publish_alignment(data: Path, run: RunFolder, *, prepared: Path) -> Path | None:
    """Draws a validation case of a run whose plan registers, else a training case.

    Args:
        data: The run's data set.
        run: A finished run.
        prepared: Where its prepared store lies.

    Returns:
        The figure's path; ``None`` if the plan registers nothing.
    """
    recipe, plan = load_recipe(run.recipe), Plan.from_yaml(run.plan.read_text(encoding="utf-8"), where=run.plan)
    if plan.grids not in REGISTERING:
        return None
    split = read_split(run.split)
    cases = {part: [c for c in load_cohort(data, recipe).cases if split.get(c.id) == part] for part in split.values()}
    case = (cases.get("validation") or cases["train"])[0]
    plan = plan.of(case)
    moved = [name for name in (plan.target, *plan.source) if _is_registered(name, case, plan)]
    if not moved:
        return None
    names = [name for name in (*plan.source, plan.target) if name in case.paths or not plan.targets]
    store = PreparedStore(prepared, plan, names, optional=("labels",))
    store.prepare([case])
    path = run.figures / "alignment.png"
    write_bytes(path, to_png(draw_alignment(_aligned(case, plan, store, name=moved[0]))))
    return path


def publish_reconstructions(run: Path, file: Path) -> None:
    """Draws the reconstructions of a run of style transfer.

    Args:
        run: The run.
        file: The PNG.

    Raises:
        UsageError: If its method is another one.
    """
    model = load_model(run)
    method, recipe = getattr(model.predict, "translator", None), model.bundle.recipe
    if not isinstance(method, StyleTransfer):
        raise UsageError("a run of style_transfer", came=recipe.method.name, where=run, remedy="Draw its figures.")
    axis = Window(recipe.window).axis
    figure = draw_reconstructions(
        reconstruct(method),
        plane=next(plane for plane, across in PLANES.items() if across == axis),
        spacing_mm=model.bundle.plan.spacing_mm or model.bundle.fingerprint.spacing_mm,
        titles=(get_contrast(recipe.source[0]).title, get_contrast(recipe.target).title),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, to_png(figure))


def _is_registered(name: str, case: Case, plan: Plan) -> bool:
    return name != plan.reference and name in case.paths and get_contrast(name).kind != "label"


def _aligned(case: Case, plan: Plan, store: PreparedStore, *, name: str) -> Aligned:
    prepared, contrast = store[case.id], get_contrast(name)
    volume = read_contrast(case, name, reading=plan.reading)
    before = resample(volume.array, volume.grid, prepared.grid, fill=BACKGROUND[contrast.kind])
    fixed = read_contrast(case, plan.reference, reading=plan.reading)
    return Aligned(
        case=case.id,
        reference=resample(fixed.array, fixed.grid, prepared.grid),
        before=prepared.scalings[name].apply(before),
        after=np.asarray(prepared.arrays[name][:]),
        titles=(get_contrast(plan.reference).title, contrast.title),
        spacing_mm=prepared.grid.spacing_mm,
        mask=np.asarray(prepared.mask[:]),
        notes=tuple(note for note in prepared.notes if note.startswith(f"{name}: {plan.grids} registration")),
    )
