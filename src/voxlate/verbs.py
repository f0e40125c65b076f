"""The verbs: what the command line does, as functions of the same names.

Each verb wires the layers together and prints nothing. ``report`` is called with a stage's name and how much of it
is done; ``observers`` watch training steps and validations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config import Recipe, load_recipe
from voxlate.errors import UsageError

if TYPE_CHECKING:
    from voxlate.inference.translate import Outcome
    from voxlate.reporting.evaluation import Evaluated
    from voxlate.training.forecast import Forecast
    from voxlate.training.loop import Observer
    from voxlate.training.tuning import Tuning

ProgressReport = Callable[[str, int, int], None]
PHANTOM_CONTRASTS = ("t1", "t1c", "t2", "flair")
DEMO_CASES = 24
DEMO_SEED = 20
DEMO_RECIPE = "avula2020-t1-to-t2"
# The paper's recipe, shortened to minutes: 15 cases to train on, 3 to choose by, 6 to test on.
DEMO_OVERRIDES: dict[str, Any] = {
    "plan.split.fractions": [0.625, 0.125, 0.25],
    "training.epochs": None,
    "training.steps": 700,
    "training.learning_rate": 0.002,
    "training.validate_every": 100,
    "training.figure_every": 100,
}


def _silent(_stage: str, _done: int, _of: int) -> None:
    """Reports to nobody."""


@dataclass(frozen=True)
class Checked:
    """What ``check`` found.

    Attributes:
        layout: Name of the layout that the data set has.
        fields: Column names of ``rows``.
        rows: One line per case: its id, subject, contrasts and attributes.
        left_out: Files that are no part of a case, each with the reason.
        findings: Severity, case, code and message of everything that the preflight noticed.
    """

    layout: str
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left_out: list[tuple[str, str]]
    findings: list[tuple[str, str, str, str]]

    @property
    def errors(self) -> int:
        """Number of findings that forbid training."""
        return sum(severity == "error" for severity, *_ in self.findings)

    @property
    def warnings(self) -> int:
        """Number of findings that somebody should look at."""
        return sum(severity == "warning" for severity, *_ in self.findings)


@dataclass(frozen=True)
class Demonstrated:
    """What ``demo`` made: the answer in a sentence, and the page."""

    sentence: str
    page: Path


def resolve_recipe(
    recipe: str | Path | Recipe,
    *,
    source: Sequence[str] | None = None,
    target: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Recipe:
    """A recipe by name, file or value, with other contrasts and fields if they are given.

    Raises:
        UsageError: If the recipe, a contrast or a field is unknown or invalid.
    """
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    changes = dict(overrides or {})
    if source:
        changes["source"] = list(source)
    if target:
        changes["target"] = target
    return resolved.with_overrides(changes) if changes else resolved


def phantom(
    out: str | Path,
    *,
    cases: int,
    seed: int,
    anatomy: str = "head",
    size: int = 96,
    contrasts: Sequence[str] | None = None,
    misalignment_mm: float = 0.0,
    report: ProgressReport = _silent,
) -> Path:
    """Simulates a cohort with lesions and known truth; the same seed gives the same bytes.

    Args:
        out: Folder to write to.
        cases: Number of subjects.
        seed: Seeds everything.
        anatomy: Which body region.
        size: Voxels along each axis.
        contrasts: What is rendered; t1, t1c, t2 and flair if not given.
        misalignment_mm: Size of a known shift between the first contrast and the others.
        report: Called with the number of finished cases.
    """
    from voxlate.phantoms import PhantomOptions, make_cohort

    return make_cohort(
        Path(out),
        cases=cases,
        seed=seed,
        anatomy=anatomy,
        size=size,
        contrasts=tuple(contrasts or PHANTOM_CONTRASTS),
        options=PhantomOptions(misalignment_mm=misalignment_mm),
        progress=partial(report, "phantom"),
    )


def check(data: str | Path, *, report: ProgressReport = _silent) -> Checked:
    """Indexes a data set and preflights it."""
    from voxlate.cohort import index_cohort
    from voxlate.cohort.checks import preflight

    cohort = index_cohort(Path(data))
    findings = preflight(cohort, progress=partial(report, "preflight"))
    attributes = sorted({name for case in cohort.cases for name in case.attributes})
    return Checked(
        layout=cohort.layout,
        fields=("case", "subject", "contrasts", *attributes),
        rows=[
            (case.id, case.subject, ", ".join(case.paths), *(case.attributes.get(name, "") for name in attributes))
            for case in cohort.cases
        ],
        left_out=[(str(item.path), item.reason) for item in cohort.left_out],
        findings=[(f.severity, f.case, f.code, f.message) for f in findings],
    )


def forecast(data: str | Path, *, recipe: str | Path | Recipe, report: ProgressReport = _silent) -> Forecast:
    """The plan of a run and what it will cost in time, memory and disk; trains nothing."""
    from voxlate.training.forecast import forecast_run

    return forecast_run(Path(data), resolve_recipe(recipe), report=report)


def train(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    out: str | Path,
    resume: bool = False,
    report: ProgressReport = _silent,
    observers: Sequence[Observer] = (),
) -> Path:
    """Trains a recipe on a data set; the run's folder holds log, checkpoints, figures and the bundle.

    Raises:
        VoxlateError: If the data set or the recipe is refused, or training cannot go on.
    """
    from voxlate.reporting.training import FigureDrawer
    from voxlate.training.train import train_run

    resolved = resolve_recipe(recipe)
    folder = Path(out)
    watchers = (*observers, FigureDrawer(folder / "figures", resolved), *_tensorboard(folder, resolved))
    train_run(Path(data), resolved, folder, resume=resume, observers=watchers, report=report)
    FigureDrawer(folder / "figures", resolved).finish(folder / "log.jsonl")
    return folder


def tune(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    trials: int,
    out: str | Path,
    storage: str | None = None,
    report: ProgressReport = _silent,
    observers: Sequence[Observer] = (),
) -> Tuning:
    """Searches the recipe's declared ranges; goes on where an earlier call ended."""
    from voxlate.training.tuning import tune_run

    return tune_run(
        Path(data),
        resolve_recipe(recipe),
        Path(out),
        trials=trials,
        storage=storage,
        observers=tuple(observers),
        report=report,
    )


def translate(
    model: str | Path,
    scan: str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    accept: Mapping[str, str] | None = None,
    overwrite: bool = False,
    report: ProgressReport = _silent,
) -> list[Outcome]:
    """Translates a volume file or a data set.

    Args:
        model: A run or a bundle.
        scan: A volume file, or a data set.
        out: The file to write (or a folder to write it in), or the folder for a data set.
        target: The wanted contrast, which must be the model's.
        accept: What readers may accept that they refuse by default, fields of ``plan.reading``:
            ``{"on_shear": "resample"}``; what was accepted is recorded in the sidecar.
        overwrite: Replace files that are there.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If the model cannot do what is asked.
        VoxlateError: If the single input is refused.
    """
    from voxlate.cohort import index_cohort
    from voxlate.inference.model import load_model
    from voxlate.inference.translate import translate_cohort, translate_file

    loaded = load_model(Path(model)).accepting(accept or {})
    recipe = loaded.bundle.recipe
    if target is not None and resolve_recipe(recipe, target=target).target != recipe.target:
        raise UsageError(
            f"the target {recipe.target}", came=repr(target), where=model, remedy="Use a model trained for it."
        )
    if Path(scan).is_dir():
        cohort = index_cohort(Path(scan))
        return translate_cohort(loaded, cohort, Path(out), overwrite=overwrite, report=partial(report, "translate"))
    case = _single_case(Path(scan), recipe)
    return [translate_file(loaded, case, _single_output(Path(out), case.id, recipe.target), overwrite=overwrite)]


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path,
    split: str = "test",
    aspects: Sequence[str] = ("fidelity",),
    report: ProgressReport = _silent,
) -> Evaluated:
    """Scores a model, or translated images, against the truth and beside the baselines, and writes the report.

    Args:
        model: A run, a bundle, or a folder of translated images.
        data: A data set with the true target.
        out: Where scores, figures and the page go.
        split: ``test`` for cases that the model has not seen, ``all`` for every case.
        aspects: What to look at; ``fidelity`` is known.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If an aspect or split is unknown, or no case is left.
    """
    from voxlate.reporting.evaluation import evaluate_fidelity

    unknown = set(aspects) - {"fidelity"}
    if unknown:
        raise UsageError("the aspect fidelity", came=", ".join(sorted(unknown)), where="--aspect", remedy="Use it.")
    return evaluate_fidelity(Path(model), Path(data), Path(out), split=split, report=report)


def info(what: str | Path | None = None) -> dict[str, Any]:
    """Facts about the installation, a model or a volume file; see ``voxlate.description``."""
    from voxlate.description import describe

    return describe(None if what is None else Path(what))


def demo(
    out: str | Path = "demo",
    *,
    cases: int = DEMO_CASES,
    overrides: Mapping[str, Any] | None = None,
    report: ProgressReport = _silent,
    observers: Sequence[Observer] = (),
) -> Demonstrated:
    """A phantom cohort, the first paper's recipe shortened to minutes, translation, evaluation and report.

    Args:
        out: Gets ``cohort/``, ``run/``, ``translated/`` and ``evaluation/``; a rerun goes on where one ended.
        cases: Number of simulated subjects.
        overrides: Recipe fields other than the demo's.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.
    """
    folder = Path(out)
    cohort, run = folder / "cohort", folder / "run"
    if not (cohort / "participants.tsv").is_file():
        phantom(cohort, cases=cases, seed=DEMO_SEED, report=report)
    recipe = resolve_recipe(DEMO_RECIPE, overrides={**DEMO_OVERRIDES, **(overrides or {})})
    train(cohort, recipe=recipe, out=run, resume=True, report=report, observers=observers)
    _translate_unseen(run, cohort, folder / "translated", report)
    evaluated = evaluate(run, cohort, out=folder / "evaluation", report=report)
    return Demonstrated(evaluated.sentence, evaluated.page)


def _translate_unseen(run: Path, data: Path, out: Path, report: ProgressReport) -> None:
    from voxlate.cohort import index_cohort
    from voxlate.inference.model import load_model
    from voxlate.inference.translate import translate_cohort

    model, cohort = load_model(run), index_cohort(data)
    held_out = replace(cohort, cases=tuple(model.unseen(cohort.cases)))
    translate_cohort(model, held_out, out, report=partial(report, "translate"))


def _single_case(path: Path, recipe: Recipe) -> Any:  # noqa: ANN401
    from voxlate.cohort import Case
    from voxlate.io import is_volume_path, volume_stem

    if not path.is_file():
        raise UsageError("a volume file or a data set", came="nothing of that name", where=path, remedy="Check it.")
    if not is_volume_path(path):
        raise UsageError(
            "a NIfTI, MetaImage or NRRD file",
            came=f"a file named {path.name}",
            where=path,
            remedy="Convert it first; dcm2niix makes NIfTI of DICOM.",
        )
    if len(recipe.source) != 1:
        raise UsageError(
            f"{len(recipe.source)} contrasts: {', '.join(recipe.source)}",
            came="one file",
            where=path,
            remedy="Give the folder of the case.",
        )
    return Case(id=volume_stem(path), subject=volume_stem(path), paths={recipe.source[0]: path}, attributes={})


def _single_output(out: Path, stem: str, target: str) -> Path:
    from voxlate.io import is_volume_path

    return out if is_volume_path(out) else out / f"{stem}_{target}.nii.gz"


def _tensorboard(folder: Path, recipe: Recipe) -> tuple[Observer, ...]:
    if not recipe.training.tensorboard:
        return ()
    from voxlate.training.tensorboard import TensorBoard

    return (TensorBoard(folder / "tensorboard"),)
