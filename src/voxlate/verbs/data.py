"""Verbs about data: ``phantom`` simulates a cohort, ``check`` looks at one, ``deidentify`` takes names out of DICOM."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe
from voxlate.errors import CohortError, UsageError, readable
from voxlate.machines.shard import own_shard
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, laid_out, taking_paths
from voxlate.verbs.train import resolve_recipe

if TYPE_CHECKING:
    from voxlate.cohort import Cohort, Finding
    from voxlate.phantoms import HeadMaps

logger = logging.getLogger(__name__)
_REPORT = "deidentified.csv"


@dataclass(frozen=True)
class Checked:
    """What ``check`` found.

    Attributes:
        layout: Name of the layout that the data set has.
        fields: Column names of ``rows``.
        rows: One line per case: its id, subject, contrasts and attributes.
        attributes: From an attribute to its values over all cases, in a line.
        left_out: Files that are no part of a case, each with the reason.
        findings: Severity, case, code and message of everything that the preflight noticed.
        tables: Of each table of attributes, how many of its rows were matched.
    """

    layout: str
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    attributes: dict[str, str]
    left_out: list[tuple[str, str]]
    findings: list[tuple[str, str, str, str]]
    tables: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """Number of findings that forbid training."""
        return sum(severity == "error" for severity, *_ in self.findings)

    @property
    def warnings(self) -> int:
        """Number of findings that somebody should look at."""
        return sum(severity == "warning" for severity, *_ in self.findings)


@taking_paths
def phantom(
    out: str | Path,
    *,
    cases: int,
    seed: int,
    anatomy: str = "head",
    size: int | None = None,
    contrasts: str | Sequence[str] | None = None,
    misalignment_mm: float = 0.0,
    labels: str | Path | HeadMaps | None = None,
    report: ProgressReport = silent,
) -> Path:
    """Simulates a cohort with lesions and known truth; the same seed gives the same bytes.

    Args:
        out: Folder to write to.
        cases: Number of subjects.
        seed: Seeds everything.
        anatomy: ``head``, ``thorax``, ``abdomen``, or ``labels`` for whole heads rendered from label maps at random
            protocols.
        size: Voxels along each axis; if not given, 96, and with ``labels`` as many as hold the whole head.
        contrasts: What is rendered; if not given, t1, t1c, t2 and flair of a head, ct and pet of a thorax, in_phase,
            out_phase and ct of an abdomen; with ``labels`` also pd and ct.
        misalignment_mm: Size of a known shift between the first contrast and the others.
        labels: With ``labels``, a folder of label maps, or ``voxlate.phantoms.HeadMaps`` to say more.
        report: Called with the number of finished cases.
    """
    from voxlate.phantoms import HeadMaps as Maps
    from voxlate.phantoms import PhantomOptions, make_cohort, make_label_cohort

    if anatomy == "labels" and labels is None:
        remedy = "Name a folder of label maps with --labels: the heads are rendered from them."
        raise UsageError("label maps for the anatomy labels", came="none", remedy=remedy)
    if anatomy != "labels" and labels is not None:
        remedy = "Add --anatomy labels to render heads from label maps, or leave out --labels."
        raise UsageError("the anatomy labels where label maps are given", came=anatomy, remedy=remedy)
    if labels is not None:
        maps = Maps(Path(labels)) if isinstance(labels, str | Path) else labels
        rendering = maps.options if size is None else maps.options.model_copy(update={"size": size})
        return make_label_cohort(
            Path(out),
            labels=maps.folder,
            table=maps.table,
            cases=cases,
            seed=seed,
            contrasts=contrasts or None,
            options=rendering,
            progress=partial(report, "phantom"),
        )
    return make_cohort(
        Path(out),
        cases=cases,
        seed=seed,
        anatomy=anatomy,
        size=size or 96,
        contrasts=listed(contrasts) if contrasts else None,
        options=PhantomOptions(misalignment_mm=misalignment_mm),
        progress=partial(report, "phantom"),
    )


@taking_paths
def check(
    data: str | Path,
    *,
    recipe: str | Path | Recipe | None = None,
    source: str | Sequence[str] | None = None,
    target: str | None = None,
    pattern: Pattern = None,
    manifest: str | Path | None = None,
    keep: str | Path | None = None,
    figure: str | Path | None = None,
    report: ProgressReport = silent,
) -> Checked:
    """Indexes a data set and preflights it; of a shard (``voxlate.machines.shard``) its own cases.

    Args:
        data: The data set.
        recipe: What is to be trained, by name, file or value: findings are those that this training would have.
        source: Contrasts that go in, if that is known; other than the recipe's, if there is one.
        target: The contrast that comes out, likewise.
        pattern: Where the files of contrasts lie, in the place of a layout: ``{"t1": "{case}/anat/*_T1w.nii.gz"}``.
        manifest: A new CSV file, which becomes a draft of the data set's manifest, to correct and to use in its place.
        keep: Folder of a run to come; what was measured is kept in it, and neither a second check nor the training
            measures the same files again.
        figure: A PNG file, into which some cases are drawn with all their contrasts.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If the recipe or a contrast is unknown, or a shard keeps nothing.
        CohortError: If no case is found, and the draft is written all the same; or none has the recipe's contrasts.
        WriteError: If there is a file of the manifest's name, or it or the figure cannot be written.
    """
    from voxlate.cohort.preflight.checks import preflight
    from voxlate.cohort.preflight.kept import IN_PREPARED

    _refuse_shard(kept=keep is not None)
    with laid_out(Path(data), pattern):
        cohort = _indexed(Path(data), None if manifest is None else Path(manifest))
    if figure is not None:
        from voxlate.workflows.pictures import publish_mosaic

        publish_mosaic(cohort, Path(figure))
    folder = Path(keep) / "prepared" / IN_PREPARED if keep else None
    cohort = _own_part(cohort)
    if recipe is None:
        inputs: tuple[str, ...] = listed(source) if source else ()
        findings = preflight(cohort, source=inputs, target=target, keep=folder, progress=partial(report, "preflight"))
    else:
        findings = _check_for(
            resolve_recipe(recipe, source=source, target=target, pattern=pattern, data=data), Path(data), folder, report
        )
    return _checked(cohort, findings)


def _checked(cohort: Cohort, findings: Sequence[Finding]) -> Checked:
    from voxlate.cohort import attribute_summaries

    attributes = attribute_summaries(cohort)
    return Checked(
        layout=cohort.layout,
        fields=("case", "subject", "contrasts", *attributes),
        rows=[
            (case.id, case.subject, ", ".join(case.paths), *(case.attributes.get(name, "") for name in attributes))
            for case in cohort.cases
        ],
        attributes=attributes,
        left_out=[(readable(str(item.path)), readable(item.reason)) for item in cohort.left_out],
        findings=[(f.severity, f.case, f.code, readable(f.message)) for f in findings],
        tables=tuple(map(readable, cohort.tables)),
    )


def _indexed(data: Path, manifest: Path | None) -> Cohort:
    """The cohort, with a draft of its manifest, which is also written where no case is found."""
    from voxlate.cohort import index_cohort
    from voxlate.cohort.draft import write_draft

    try:
        cohort = index_cohort(data)
    except CohortError as error:
        if manifest is None or not data.is_dir():
            raise
        draft = write_draft(manifest, data)
        remedy = f"Correct {draft}: call its columns by contrasts, and give it in the data set's place."
        raise CohortError(error.expected, came=error.came, where=error.where, remedy=remedy) from error
    if manifest is not None:
        write_draft(manifest, data, cohort)
    return cohort


def _check_for(recipe: Recipe, data: Path, keep: Path | None, report: ProgressReport) -> list[Finding]:
    """What a training would be told, on the cases and the split that it would have."""
    from voxlate.training.setup.begin import load_cohort, preflight_for, split_for

    cohort = load_cohort(data, recipe)
    split, own = split_for(recipe, cohort), _own_part(cohort)
    mine = {case.id: split[case.id] for case in own.cases}
    return preflight_for(recipe, own, mine, keep=keep, report=report)


def _own_part(cohort: Cohort) -> Cohort:
    return replace(cohort, cases=tuple(own_shard().of_all(cohort.cases)))


def _refuse_shard(*, kept: bool) -> None:
    """Refuses to look at a part of the cases where nothing is kept for whoever looks at the whole."""
    if own_shard().name and not kept:
        raise UsageError(
            "a folder that keeps what is measured",
            came="none",
            where="--shard",
            remedy="Name the run to come: --keep run. When all parts are done, leave --shard out to be told the whole.",
        )


@dataclass(frozen=True)
class Deidentified:
    """What ``deidentify`` did; nothing of what it took out.

    Attributes:
        files: How many were written.
        patients: Of how many.
        done: Tag, keyword, what was done, and how often.
        left_out: Why files were left out, and how many.
        faces: Series that show a head that is not defaced, and what says so.
    """

    files: int
    patients: int
    done: Sequence[tuple[str, str, str, int]]
    left_out: dict[str, int]
    faces: dict[str, str]


@taking_paths
def deidentify(data: str | Path, *, out: str | Path, report: ProgressReport = silent) -> Deidentified:
    """Writes DICOM anew without what identifies its patients, by the basic profile of PS3.15.

    Identifiers are replaced consistently in a call, so that what belongs together is given together: a study, and what
    a model made of it. The report ``deidentified.csv`` lies with the files. A head that is not defaced is warned of.

    Args:
        data: A folder, at any depth, a file and those beside it, a zip archive or a DICOMDIR.
        out: A new folder: ``<patient>/<series>/IM0001.dcm``, called by numbers.
        report: Called with the number of finished files.

    Raises:
        UsageError: If there is no DICOM, the folder is there or lies in the data, or dicom-anonymizer is missing.
    """
    from voxlate.io.atomic import replacing_folder, write_rows
    from voxlate.io.dicom import Deidentification, sources_of

    folder, sources = Path(out), sources_of(Path(data))
    if not sources:
        raise UsageError("DICOM files", came="none", where=data, remedy="Check the path.")
    if folder.exists() or folder.resolve().is_relative_to(Path(data).resolve()):
        came = "one that is there" if folder.exists() else "one in the data"
        raise UsageError("a new folder beside the data", came=came, where=folder, remedy="Name another one.")
    work = Deidentification()
    with replacing_folder(folder) as temporary:
        written = []
        for number, source in enumerate(sources, 1):
            written.append(work.write(source, temporary))
            report("deidentify", number, len(sources))
        rows = sorted((*what, count) for what, count in work.done.items())
        left = [("", reason, "file left out", count) for reason, count in sorted(work.left_out.items())]
        write_rows(temporary / _REPORT, [("tag", "keyword", "done", "count"), *rows, *left])
        files = [path for path in written if path is not None]
        faces = {path.relative_to(temporary).as_posix(): why for path, why in _faces(files)}
    for series, why in faces.items():
        logger.warning("%s: a head that is not defaced (%s): it can be recognised by its picture", series, why)
    return Deidentified(len(files), work.patients, rows, dict(work.left_out), faces)


def _faces(files: Sequence[Path]) -> list[tuple[Path, str]]:
    """The folders of series that show a head which is not defaced."""
    from voxlate.cohort.heads.faces import look_for_face
    from voxlate.config.plan import Reading
    from voxlate.errors import ReadError
    from voxlate.io import read_volume
    from voxlate.io.dicom import list_stacks

    found: dict[Path, str] = {}
    for path, stack in list_stacks(files):
        modality = "" if isinstance(stack, ReadError) else stack.frames[0].header.get("Modality")
        if modality in {"MR", "CT"}:
            volume = read_volume(path, reading=Reading(on_shear="resample"))
            look = look_for_face(volume, hounsfield=modality == "CT")
            if look.found in {"face", "upper head"}:
                found.setdefault(path.parent, look.reason)
    return list(found.items())
