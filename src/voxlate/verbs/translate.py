"""Verbs that apply a model: ``translate`` and ``synthesize``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.errors import UsageError
from voxlate.progress import ProgressReport, silent
from voxlate.progress.spreading import spread
from voxlate.verbs.calls import Pattern, laid_out, telling_anew
from voxlate.verbs.network.remote import Remote, from_archives, on_disk
from voxlate.verbs.single import case_of, case_of_several, is_data_set, is_series, single_output, study_of

logger = logging.getLogger(__name__)
_POOR = "poor"
"""What ``replace`` calls the scans that are poor by the rule of ``voxlate.cohort.poor``."""

if TYPE_CHECKING:
    from voxlate.cohort import Case, Cohort
    from voxlate.config.plan import Reading
    from voxlate.inference.cohort.beside import Beside
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.inference.model import Model


@from_archives
@telling_anew
def translate(  # noqa: PLR0913  (the options of the command)
    model: str | Path | None,
    scan: str | Path | Remote | Mapping[str, str | Path],
    *,
    out: str | Path,
    target: str | None = None,
    shows: str | None = None,
    pattern: Pattern = None,
    accept: Mapping[str, str | Sequence[str]] | None = None,
    every: bool = False,
    replace: Sequence[str | Path] = (),
    overwrite: bool = False,
    picture: bool = False,
    dicom: bool = False,
    bids: bool = False,
    density: bool | str | Path = False,
    doubt: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Translates a volume, or fills the gaps of a data set: cases that have the target are left alone if some lack it.

    Args:
        model: A run or a bundle; for a data set also a folder of several; ``None`` for the one that Voxlate has.
        scan: A volume file, DICOM (a folder, file or zip of a series, or a study), several scans of one person
            (``{"t1": "T1.nii.gz", "t2": "T2.nii.gz"}``), a data set, or a ``Remote`` study.
        out: The file to write (or a folder to write it in: of DICOM a folder of DICOM), or the folder for a data set.
        target: The wanted contrast; of several models only those that make it are used.
        shows: The contrast of a single file or series, where its name or header does not say so.
        pattern: Where a data set's files lie, in place of a layout; by default as in training.
        accept: What readers may accept that they refuse, recorded: ``{"on_shear": "resample", "imputed": "sources"}``.
        every: Translate every case of the data set, also those that have the target.
        replace: Scans that are made anew, beside their files: ``poor`` by ``check``, or CSV files ``case,contrast``.
        overwrite: Replace files that are there.
        picture: Draw source and result of a file beside it, as PNG.
        dicom: Write a single scan as DICOM also where it was none.
        bids: Write a data set as a derivative of BIDS also where it was none.
        density: Write the electron density of a single CT beside it, too; a calibration, as for ``derive``, says how.
        doubt: Write beside it how much the members of an ensemble differ, as their standard deviation, too.
        report: Called with the number of finished images.

    Returns:
        An outcome for the file, or for each case and target in the data set's order.

    Raises:
        VoxlateError: If the model cannot do what is asked, or the input, a table or the place of the output is refused.
    """
    from voxlate.inference.cohort.translate import translate_cohort as work

    place = _place_of(model, path := on_disk(_first(scan)))
    (models, wanted), beside = models_for(place, target=target, accept=accept or {}), _beside(density, doubt=doubt)
    answer = _Answer(path, Path(out), beside, overwrite=overwrite, picture=picture, dicom=dicom)
    if isinstance(scan, Mapping) or not is_data_set(path, shows=shows):
        for_sets = {"replace": replace, "pattern": pattern, "format bids": bids}
        return [answer.make(_one_case(for_sets, scan, models, shows=shows), models, wanted, report=report)]
    cohort = _data_set(path, pattern, shows=shows, model=place)
    if not (replace or every) and (study := study_of(cohort, needed=dicom)):
        return [answer.make(study, models, wanted, report=report)]
    asked = partial(work, models, cohort, _folder(Path(out), beside), target=wanted, every=every, overwrite=overwrite)
    form = bids or "bids" in cohort.layout.split(" + ")
    return asked(poor=_poor(replace, cohort), bids=form, report=partial(report, "translate"))


def _first(scan: str | Path | Remote | Mapping[str, str | Path]) -> str | Path | Remote:
    """What is given, or the first of several scans."""
    return next(iter(scan.values()), "") if isinstance(scan, Mapping) else scan


def _place_of(model: str | Path | None, scan: Path) -> Path:
    """Where the model lies, that which comes with the program where none is named.

    Raises:
        UsageError: If none is named, and none comes with it or what is to be translated is a model; or if a scan is.
    """
    from voxlate.bundle.shipped import default_model
    from voxlate.contrast import find_contrast
    from voxlate.inference.model import is_model
    from voxlate.io import is_volume_path

    if model is not None and Path(model).is_file() and is_volume_path(Path(model)):
        meant = find_contrast(str(scan))
        instead = f"{scan} {model}" if is_model(scan) else f"{model} --target {meant.name if meant else 'CONTRAST'}"
        remedy = f"The model comes first, or none: voxlate translate {instead} --out PATH."
        raise UsageError("a model", came="a scan", where=model, remedy=remedy)
    if model is not None:
        return Path(model)
    if is_model(scan):
        remedy = "Name after it what it is to translate."
        raise UsageError("a volume file or a data set", came="a model alone", where=scan, remedy=remedy)
    return default_model()


def _draw(outcome: Outcome, case: Case, *, reading: Reading, overwrite: bool) -> None:
    """Draws source and result of a single file into a PNG file of its name; no scan is ever replaced by it."""
    from voxlate.io.paths import volume_stem
    from voxlate.workflows.pictures import publish_translated

    if outcome.path is None:
        return
    source = next(iter(case.paths.values()))
    place = outcome.path.parent / f"{volume_stem(outcome.path)}.png"
    if place.exists() and (not overwrite or place.samefile(source)):
        logger.warning("no picture is drawn: %s is there; --overwrite replaces one", place)
        return
    publish_translated(case, outcome.path, place, target=outcome.target, reading=reading)


def _one_case(
    options: Mapping[str, object],
    scan: str | Path | Remote | Mapping[str, str | Path],
    models: Sequence[Model],
    *,
    shows: str | None,
) -> Case:
    """The case of a single scan, or of several, for which these options are none."""
    path = on_disk(_first(scan))
    for name in (name for name, value in options.items() if value):
        remedy = "Leave it out, or give the data set."
        raise UsageError(f"a data set for --{name}", came="one file", where=path, remedy=remedy)
    if isinstance(scan, Mapping):
        return case_of_several(scan)
    return case_of(path, _only(models).bundle.recipe, shows=shows)


def _data_set(scan: Path, pattern: Pattern, *, shows: str | None, model: Path) -> Cohort:
    """The cases of a data set, laid out as in the model's training where no pattern says how."""
    from voxlate.cohort import index_cohort

    if shows is not None:
        remedy = "Leave it out, or give one file; a data set says what its files show."
        raise UsageError("one file for --as", came="a data set", where=scan, remedy=remedy)
    with laid_out(scan, pattern, model=model):
        return index_cohort(scan)


@dataclass(frozen=True)
class _Answer:
    """Where the translation of a single case goes, and in which form."""

    scan: Path
    out: Path
    beside: Beside
    overwrite: bool
    picture: bool
    dicom: bool

    def make(self, case: Case, models: Sequence[Model], wanted: str | None, *, report: ProgressReport) -> Outcome:
        from voxlate.inference.cohort.translate import translate_file

        report("translate", 0, 1)
        model = _only(models).asked(case.paths, wanted)
        path = self._place(case, model.target)
        self.beside.check(model, path)
        work = partial(translate_file, model, path=path, imputed=_imputed(case, model), beside=self.beside)
        (outcome,) = spread(partial(work, overwrite=self.overwrite), [case])  # by a helper, where there are such
        if self.picture and outcome.status == "done" and not _is_segmentation(path, model.target):
            _draw(outcome, case, reading=model.bundle.plan.reading, overwrite=self.overwrite)
        report("translate", 1, 1)
        return outcome

    def _place(self, case: Case, target: str) -> Path:
        """The file to write, or the folder of a series."""
        if self.dicom or is_series(next(iter(case.paths.values()))):
            folder = _series_output(self.out, case.id, target, needed=self.dicom)
            if folder is not None:
                _check_beside(folder, self.scan)
                return folder
        return single_output(self.out, case.id, target)


def _is_segmentation(path: Path, target: str) -> bool:
    """Whether a label map is written as DICOM, of which no picture is drawn."""
    from voxlate.contrast import get_contrast
    from voxlate.io.paths import volume_suffix

    return get_contrast(target).kind == "label" and volume_suffix(path) is None


def _beside(density: bool | str | Path, *, doubt: bool) -> Beside:
    """What is written beside a single scan's translation."""
    from voxlate.inference.cohort.beside import Beside
    from voxlate.verbs.derive import density_by

    return Beside(None if density is False else density_by(None if density is True else density), doubt)


@telling_anew
def synthesize(
    model: str | Path,
    *,
    cases: int,
    seed: int = 0,
    out: str | Path,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Writes whole new annotated cases: label maps that the model's bundle draws, and the images that it makes of them.

    Args:
        model: A run or a bundle whose recipe has ``shapes``.
        cases: How many; the first of them are the same however many are asked for.
        seed: Draws them; cases of several seeds may lie in one folder.
        out: A new folder, or one with earlier cases, which are left alone if they are finished.
        overwrite: Make also those anew.
        report: Called with the number of finished cases.

    Returns:
        An outcome for each case.

    Raises:
        UsageError: If the recipe has no ``shapes``, or the folder holds anything else.
        BundleError: If the bundle is refused.
    """
    from voxlate.inference.cohort.synthesis import synthesise_cases
    from voxlate.inference.model import load_model

    return synthesise_cases(
        load_model(Path(model)),
        Path(out),
        cases=cases,
        seed=seed,
        overwrite=overwrite,
        report=partial(report, "synthesize"),
    )


def models_for(
    path: Path, *, target: str | None, accept: Mapping[str, str | Sequence[str]]
) -> tuple[list[Model], str | None]:
    """The models that make a target, and its canonical name."""
    from voxlate.contrast import get_contrast
    from voxlate.inference.model import load_models

    models = load_models(path)
    wanted = get_contrast(target).name if target else None
    fitting = [model.accepting(accept) for model in models if wanted in {None, *model.targets}]
    if not fitting:
        targets = " or ".join(dict.fromkeys(name for model in models for name in model.targets))
        remedy = f"Use a model trained for it: voxlate train SCANS --target {wanted} --out RUN."
        where = path if len(models) > 1 else models[0].name
        raise UsageError(f"the target {targets}", came=repr(target), where=where, remedy=remedy)
    return fitting, wanted


def _only(models: Sequence[Model]) -> Model:
    if len(models) > 1:
        raise UsageError(
            "one model for one file",
            came=f"{len(models)}: {', '.join(model.name for model in models)}",
            remedy="Name one of them.",
        )
    return models[0]


def _imputed(case: Case, model: Model) -> frozenset[str]:
    """The contrasts of a single case that a model made, if it may start from them."""
    from voxlate.cohort.synthetic import is_imputed

    made = {name: path for name, path in case.paths.items() if is_imputed(path)}
    if made and not model.uses_imputed:
        raise UsageError(
            "a scan",
            came="an image that a model made",
            where=next(iter(made.values())),
            remedy="Translate the scan that it was made from, or add --use-imputed, which is recorded in the sidecar.",
        )
    return frozenset(made)


def _poor(replace: Sequence[str | Path], cohort: Cohort) -> dict[tuple[str, str], str] | None:
    """The scans that are counted as missing, and why; ``None`` where nobody asked for such."""
    from voxlate.cohort.poor import RULE, find_poor, read_poor
    from voxlate.config.plan import Reading

    if not replace:
        return None
    found: dict[tuple[str, str], str] = {}
    for what in (replace,) if isinstance(replace, str | Path) else replace:
        found |= find_poor(cohort, reading=Reading()) if what == _POOR else read_poor(Path(what), cohort)
    if not found:
        logger.warning("no scan is poor by %s", RULE)
    return found


def _folder(out: Path, beside: Beside) -> Path:
    """The folder that a data set is translated into; the name of an image file is refused, and what is for one scan."""
    from voxlate.io.paths import volume_suffix

    for name, wanted in {"density": beside.density is not None, "doubt": beside.doubt}.items():
        if wanted:
            remedy = "Translate the scans one by one." if name == "doubt" else "Run voxlate derive on what is made."
            raise UsageError(f"one scan for --{name}", came="a data set", remedy=remedy)
    if volume_suffix(out) and not out.is_dir():
        raise UsageError(
            "a folder for a data set",
            came=f"the name of an image file, {out.name}",
            where="--out",
            remedy="Name a folder, or translate one file.",
        )
    return out


def _series_output(out: Path, stem: str, target: str, *, needed: bool) -> Path | None:
    """The folder for a series of DICOM, where ``out`` names a folder and no image file, and the target is not PET.

    Raises:
        UsageError: If it is ``needed``, and ``out`` names an image file, or the target is PET; or if a label map is to
            be written, and what writes it is not installed.
    """
    from voxlate.contrast import get_contrast
    from voxlate.io.dicom import check_installed
    from voxlate.io.paths import volume_suffix

    kind = get_contrast(target).kind
    if kind == "pet":
        if needed:
            wanted, remedy = "MR, CT or labels for DICOM", "Leave --format dicom out."
            raise UsageError(wanted, came=target, where="--format", remedy=remedy)
        return None
    if volume_suffix(out) is None or out.is_dir():
        if kind == "label":
            check_installed(out)
        return out / f"{stem.replace('.', '_')}_{target}"
    if needed:
        remedy = "Name a folder, or leave out --format dicom."
        raise UsageError("a folder for DICOM", came=f"an image file, {out.name}", where="--out", remedy=remedy)
    return None


def _check_beside(path: Path, scan: Path) -> None:
    """Refuses a series among the planes that it is made from: their folder would hold two from then on."""
    if scan.is_dir() and path.resolve().is_relative_to(scan.resolve()):
        remedy = "Name a folder beside it."
        raise UsageError("a folder outside the source's", came=str(path), where="--out", remedy=remedy)
