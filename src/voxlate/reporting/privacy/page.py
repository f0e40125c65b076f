"""The privacy audit on disk: tables, summary, figures, the page, what is released, and what an expert has to see.

The page shows no patient. The pairs of synthetic and real images are in ``review.html`` alone, which is as
confidential as the real data; ``review`` holds the synthetic images that wait and no real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from voxlate._version import __version__
from voxlate.cohort import Case, index_cohort
from voxlate.cohort.labels.labelling import names_told
from voxlate.cohort.synthetic import scans_only
from voxlate.contrast import Contrast, get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.privacy.audit import PIXEL, Audit, AuditOptions, audit_privacy
from voxlate.evaluation.privacy.label_space import LABEL, LABELS
from voxlate.evaluation.privacy.members import Members, common_contrast, find_members, find_origins
from voxlate.evaluation.privacy.placing import display
from voxlate.evaluation.privacy.release import RELEASED, REVIEW, SUMMARY, check_apart, clear, copy_cases
from voxlate.evaluation.sets.embedding import Embedder, load_embedder
from voxlate.evaluation.words import plural
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.progress import ProgressReport
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.page import Illustration, Report, embed, render_page, write_figures
from voxlate.reporting.privacy.pictures import LabelPair, LookAlike, draw_label_pair, draw_look_alike
from voxlate.reporting.privacy.plots import draw_attacks, draw_nearness
from voxlate.reporting.privacy.tables import (
    FIELDS,
    TERMS,
    attacks,
    decision_table,
    decisions,
    note_of,
    reasons,
    score_table,
    sections,
    sentence_of,
    strips,
    summarise,
    terminal_rows,
    warnings,
)
from voxlate.workflows.result import Evaluated

MOST_PAIRS = 60
REVIEW_PAGE = "review.html"


@dataclass(frozen=True)
class _Inputs:
    """What is compared."""

    synthetic: tuple[Case, ...]
    lacking: tuple[Case, ...]
    real: tuple[Case, ...]
    everyone: tuple[Case, ...]
    contrast: Contrast
    members: Members
    embedder: Embedder | None
    names: tuple[str, str]


def evaluate_privacy(
    synthetic: Path,
    real: Path,
    out: Path,
    *,
    features: Path | None = None,
    members: Path | None = None,
    contrast: str | None = None,
    distance: float | None = None,
    seed: int = 0,
    report: ProgressReport,
) -> Evaluated:
    """Compares synthetic with real training images, and parts those that may be released from those that may not yet.

    Args:
        synthetic: A folder of synthetic images; its ``seen.json`` tells which real ones the model has seen.
        real: The data set that the model was trained on, best with cases that it has not seen.
        out: Gets ``scores.csv``, ``released.csv``, ``review.csv``, ``summary.json``, ``report.html``, ``review.html``,
            ``figures``, and copies of the synthetic images in ``released`` and ``review``. What an earlier audit left
            there is cleared.
        features: A run, a bundle or a file of weights, whose network makes the feature space; without it there is none.
        members: A run, a bundle, a ``seen.json`` or a ``split.csv`` that tells which real cases the model has seen.
        contrast: What is compared; by default the one contrast that both have in common.
        distance: Relative distance up to which an image is held back, 1 as near as training images are to each other;
            by default nine tenths of the 5th percentile among training images.
        seed: Seed of the bootstrap.
        report: Called with what is done and the number of finished images.

    Raises:
        UsageError: If the contrast is not clear, the distance not positive, or ``out`` not apart from the images.
        CohortError: If fewer than four training subjects can be compared, or none is known.
        LockedError: If another process works there.
        WriteError: If something cannot be written.
    """
    if distance is not None and not 0 < distance < 10:
        remedy = "Give 0.5, say, for half of what lies between training images."
        raise UsageError("a relative distance above 0", came=repr(distance), where="--distance", remedy=remedy)
    inputs = _read(synthetic, real, out, contrast=contrast, members=members, features=features)
    check_writable(out)
    with hold(out, what="privacy audit"):
        remove_stale(out)
        clear(out)
        audit = audit_privacy(
            inputs.synthetic,
            inputs.real,
            contrast=inputs.contrast,
            members=inputs.members.ids,
            embedder=inputs.embedder,
            options=AuditOptions(distance=distance, seed=seed),
            report=report,
        )
        origins = find_origins(inputs.synthetic, inputs.everyone, contrast=inputs.contrast.name)
        return _write(replace(audit, origins=origins), inputs, out, chosen=distance)


def _read(
    synthetic: Path, real: Path, out: Path, *, contrast: str | None, members: Path | None, features: Path | None
) -> _Inputs:
    """The cases, of which contrast, and which are members; refuses an output folder that is not apart from them."""
    ours, theirs = index_cohort(synthetic), scans_only(index_cohort(real))
    name = common_contrast(ours.cases, theirs.cases, wanted=contrast and get_contrast(contrast).name)
    files = [path for case in (*ours.cases, *theirs.cases) for path in case.paths.values()]
    check_apart(out, [synthetic, real, *files])
    with_it = tuple(case for case in theirs.cases if name in case.paths)
    return _Inputs(
        synthetic=tuple(case for case in ours.cases if name in case.paths),
        lacking=tuple(case for case in ours.cases if name not in case.paths),
        real=with_it,
        everyone=theirs.cases,
        contrast=get_contrast(name),
        members=find_members(with_it, synthetic=synthetic, given=members),
        embedder=None if features is None else load_embedder(features, name),
        names=(synthetic.name, real.name),
    )


def _write(audit: Audit, inputs: _Inputs, out: Path, *, chosen: float | None) -> Evaluated:
    lacking = [(case.id, f"it has no image of {inputs.contrast.title}") for case in inputs.lacking]
    failed = [*audit.failed, *lacking]
    why = reasons(audit)
    files = {case.id: case.paths[inputs.contrast.name].name for case in inputs.synthetic}
    released = [case for case in inputs.synthetic if case.id in why and not why[case.id]]
    held_back = [case for case in inputs.synthetic if why.get(case.id)]
    sentence = sentence_of(audit, known=bool(inputs.members.source), failed=len(failed))
    figures = _figures(audit)
    write_text(out / "scores.csv", score_table(audit))
    write_text(out / "released.csv", decision_table(decisions(audit, why, files, held_back=False), audit))
    back = [
        *decisions(audit, why, files, held_back=True),
        *((case, files.get(case, ""), text) for case, text in failed),
    ]
    write_text(out / "review.csv", decision_table(back, audit))
    write_figures(figures, out)
    facts = _facts(audit, inputs, chosen=chosen)
    told = warnings(
        audit,
        known=bool(inputs.members.source),
        features=inputs.embedder is not None,
        unread=0 if audit.labels is not None else sum(LABELS.name in case.paths for case in released),
        failed=failed,
    )
    page = out / "report.html"
    text = render_page(
        "privacy.html.j2",
        report=Report(title=_title(inputs), verdict=sentence, summary={}, facts=facts),
        banner="SYNTHETIC IMAGES.",
        warnings=told,
        figures=[embed(illustration) for illustration in figures.values()],
        sections=sections(audit),
        glossary=list(TERMS.items()),
    )
    write_text(page, text)
    if held_back:
        write_text(out / REVIEW_PAGE, _review_page(audit, inputs, held_back, facts=facts))
    copy_cases(released, out / RELEASED, contrast=inputs.contrast.name)
    copy_cases(held_back, out / REVIEW, contrast=inputs.contrast.name)
    summary = summarise(audit, released=[case.id for case in released], held_back=[case.id for case in held_back])
    write_summary({**summary, "answer": sentence, "failed": dict(failed), "facts": facts}, out / SUMMARY)
    return Evaluated(sentence, page, FIELDS, terminal_rows(audit), failed=failed)


def _figures(audit: Audit) -> dict[str, Illustration]:
    found = {
        "distances": Illustration(
            "Distances to the nearest training image",
            "A mark is an image. What lies in the shaded part is held back. Held-out real images there are false "
            "alarms; training images are asked for their nearest other one.",
            to_png(draw_nearness(strips(audit))),
        )
    }
    curves = attacks(audit)
    if curves:
        found["membership"] = Illustration(
            "Membership inference",
            "Real images in the order of their distance to the nearest synthetic one: along the diagonal, members "
            "cannot be told from others.",
            to_png(draw_attacks(curves)),
        )
    return found


def _title(inputs: _Inputs) -> str:
    return (
        f"Do synthetic {inputs.contrast.title} images show patients of the training data? {' and '.join(inputs.names)}"
    )


def _facts(audit: Audit, inputs: _Inputs, *, chosen: float | None) -> dict[str, str]:
    grid = audit.reference.grid
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, grid.shape))
    return {
        "contrast": inputs.contrast.title,
        "synthetic images": f"{len(audit.compared)} compared",
        "training images": f"{len(audit.members)} compared",
        "held-out real images": f"{len(audit.held_out)} compared",
        "members told by": inputs.members.source or "nothing: every real image counts as a training image",
        "pixel space": f"{shape} voxels of {grid.spacing_mm[0]:.2f} mm, affine alignment, "
        f"{int(audit.reference.region.sum())} voxels compared by rank",
        "label space": f"{len(audit.labels.synthetic)} synthetic and {len(audit.labels.real)} real label maps, "
        f"{len(audit.labels.template.values)} structures, voxels of {audit.labels.template.grid.spacing_mm[0]:.2f} mm"
        if audit.labels
        else "none: too few label maps to compare",
        "feature space": inputs.embedder.name if inputs.embedder else "none: no network was given",
        "threshold": "nine tenths of the 5th percentile among training images"
        if chosen is None
        else f"{chosen:g} of the typical distance",
        "software": f"voxlate {__version__}",
    }


def _review_page(audit: Audit, inputs: _Inputs, held_back: list[Case], *, facts: dict[str, str]) -> str:
    """The pairs side by side, nearest first."""
    real = {case.id: case for case in inputs.real}
    ordered = sorted(held_back, key=lambda case: (_relative(audit, case.id), case.id))
    names = names_told(inputs.real)
    shown = [figure for case in ordered[:MOST_PAIRS] for figure in _look_alikes(audit, case, real=real, names=names)]
    count = len(held_back)
    more = f" The {MOST_PAIRS} nearest are shown; review.csv names all." if count > MOST_PAIRS else ""
    verdict = (
        f"{count} synthetic {plural(count, 'image waits', 'images wait')} for an expert: "
        f"does {plural(count, 'it', 'each')} show the same person as the real image beside it? "
        f"{plural(count, 'If not, it', 'Those that do not')} may be released by hand.{more}"
    )
    return render_page(
        "privacy.html.j2",
        report=Report(title=f"Images to review: {inputs.names[0]}", verdict=verdict, summary={}, facts=facts),
        banner="REAL PATIENTS ON THIS PAGE: as confidential as the training data.",
        warnings=["This page shows slices of real images. Keep it where the real data are."],
        figures=[embed(figure) for figure in shown],
        sections=[],
        glossary=[],
    )


def _relative(audit: Audit, case: str) -> float:
    """The relative distance in the space where a case lies nearest to a training image."""
    asked = ((space, audit.question(case, name)) for name, space in audit.spaces.items())
    return min(space.threshold.relative(question.distance) for space, question in asked if question is not None)


def _look_alikes(audit: Audit, case: Case, *, real: Mapping[str, Case], names: Mapping[int, str]) -> list[Illustration]:
    """A case beside the nearest real one of each space in which it is too near, images and label maps."""
    nearest: dict[str, list[str]] = {}
    for space in audit.too_near(case.id) or [PIXEL]:
        question = audit.question(case.id, space)
        if question is not None:
            nearest.setdefault(question.neighbours[0].case, []).append(space)
    found = []
    for other, spaces in nearest.items():
        pair = _pair(audit, case, real[other], note=note_of(audit, case.id, spaces[0]))
        title = f"{case.id} and {other}"
        found.append(Illustration(title, pair.note, to_png(draw_look_alike(pair), dpi=130)))
        maps = _label_pair(audit, case.id, other, names=names)
        if maps is not None:
            found.append(Illustration(f"Label maps of {title}", maps.note, to_png(draw_label_pair(maps), dpi=130)))
    return found


def _label_pair(audit: Audit, case: str, other: str, *, names: Mapping[int, str]) -> LabelPair | None:
    """The label maps of a synthetic and a real case, if both have one."""
    if audit.labels is None:
        return None
    ours = next((one for one in audit.labels.synthetic if one.case.id == case), None)
    theirs = next((one for one in audit.labels.real if one.case.id == other), None)
    question = audit.question(case, LABEL)
    if ours is None or theirs is None or question is None:
        return None
    near = next((one for one in question.neighbours if one.case == other), None)
    mirrored = near is not None and near.mirrored
    threshold = audit.spaces[LABEL].threshold
    told = "farther than its three nearest" if near is None else f"{threshold.relative(near.distance):.2f}"
    note = (
        f"Relative distance in label space: {told} (held back up to {threshold.relative(threshold.distance):.2f})"
        f"{'; left and right of the synthetic map are mirrored' if mirrored else ''}."
    )
    shown = ours.mirrored if mirrored else ours.straight
    return LabelPair(case, other, shown, theirs.straight, audit.labels.template.fine.spacing_mm, note, names)


def _pair(audit: Audit, case: Case, other: Case, *, note: str) -> LookAlike:
    mirrored = "mirrored" in note
    grid, first = display(case, audit.placed["synthetic", case.id], audit.reference, mirrored=mirrored)
    _, second = display(other, audit.placed["real", other.id], audit.reference, mirrored=False)
    return LookAlike(case.id, other.id, first, second, grid.spacing_mm, note)
