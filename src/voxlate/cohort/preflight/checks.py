"""The preflight of a cohort: what would make its results untrue, found before anything is trained on it.

Every image is read once, a case at a time by each of at most four threads, so memory is bounded by four cases and a
portrait of each image. What was
measured may be kept in a folder, by content. What is looked for stands in ``voxlate.cohort.finding``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from voxlate.cohort.admission import weigh
from voxlate.cohort.admission.labels import MASK
from voxlate.cohort.case import Case, Cohort
from voxlate.cohort.finding import Finding, sort_findings
from voxlate.cohort.layouts.attributes import fold
from voxlate.cohort.poor import RULE, Poor, find_poor
from voxlate.cohort.preflight.agreement import Agreement, check_agreement
from voxlate.cohort.preflight.copies import Duplicate, Signature, find_duplicates
from voxlate.cohort.preflight.coverage import check_coverage
from voxlate.cohort.preflight.imputed import check_synthetic
from voxlate.cohort.preflight.kept import Kept
from voxlate.cohort.preflight.labels import LabelReview, is_label_map, weigh_masks
from voxlate.cohort.preflight.look import CaseImages
from voxlate.cohort.preflight.measures.extent import by_contrast, out_of_scale, upside_down
from voxlate.cohort.preflight.names import check_names
from voxlate.cohort.preflight.pairwise import check_derived, check_pairs
from voxlate.cohort.preflight.subjects import find_subjects
from voxlate.cohort.preflight.swapped import check_swapped
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.derivation import Derivation, files_of, lacking
from voxlate.errors import VoxlateError, counted, plural
from voxlate.progress.spreading import cores, spread

_STRICT = Reading()
_ACCEPTED = {"duplicate_image"}
_MOST_AT_ONCE = 4  # cases: more cores than that wait for memory and for the disk


@dataclass(frozen=True)
class _Use:
    """What the cohort is for; both empty if that is not known yet."""

    source: tuple[str, ...]
    target: str | None
    derive: Mapping[str, Derivation]
    registers: bool
    labelled: bool = True

    @property
    def wanted(self) -> tuple[str, ...]:
        return (*self.source, self.target) if self.target else self.source

    @property
    def files(self) -> tuple[str, ...]:
        """The sources, and what those are computed from that a case may have no file of."""
        return tuple(dict.fromkeys((*self.source, *files_of(self.source, self.derive))))

    def reads(self, contrast: str) -> bool:
        return not self.wanted or contrast in (*self.files, self.target) or is_label_map(contrast)

    def needs(self, contrast: str) -> bool:
        """Whether what is learned depends on the contrast: not on label maps that only scores are taken in."""
        if not self.wanted or contrast in (*self.files, self.target):
            return True
        return contrast == MASK or (self.labelled and is_label_map(contrast))


@dataclass
class _Found:
    """What the cases told so far."""

    labels: LabelReview
    findings: list[Finding] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)

    def add(self, other: _Found) -> None:
        """Takes over what another case told."""
        self.labels.add(other.labels)
        self.findings += other.findings
        self.signatures += other.signatures
        self.agreements += other.agreements


def preflight(  # noqa: PLR0913  (what the cohort is for, each an option of a recipe)
    cohort: Cohort,
    *,
    source: Sequence[str] = (),
    target: str | None = None,
    split: Mapping[str, str] | None = None,
    reading: Reading = _STRICT,
    derive: Mapping[str, Derivation] | None = None,
    registers: bool = False,
    labelled: bool = False,
    mask: str = "auto",
    keep: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """All that is wrong or worth knowing, the gravest first.

    Args:
        cohort: The cases to look at.
        source: Contrasts that go in, names or aliases; with none and no target every contrast is looked at.
        target: The contrast that comes out.
        split: From case id to part, to look for subjects and images in two parts.
        reading: What the reader may accept.
        derive: How sources are computed that a case has no file of.
        registers: Whether the contrasts of a case are registered before they are used.
        labelled: Whether label maps decide what is learned although they are neither source nor target; what is wrong
            with those that do not is a warning.
        mask: Where the foreground comes from, as ``plan.mask``.
        keep: A folder that keeps what was measured, so that the same files are not measured again.
        progress: Called with the number of cases done and of all.

    Raises:
        UsageError: If a name stands for no contrast.
        WriteError: If the folder cannot be written to.
    """
    sources = tuple(get_contrast(name).name for name in source)
    use = _Use(sources, get_contrast(target).name if target else None, derive or {}, registers, labelled)
    found = _Found(LabelReview(use.needs, reading.accept), [*check_names(cohort), *_check_wanted(cohort, use)])
    found.findings += check_synthetic(cohort, source=use.files, target=use.target)
    poor = find_poor(cohort, reading=reading)
    found.findings += _check_poor(cohort, use, poor)
    kept = Kept(keep)

    def check(case: Case) -> _Found:
        return _check_case(CaseImages(case, reading, kept), use, LabelReview(use.needs, reading.accept))

    for told in spread(check, cohort.cases, workers=min(cores(), _MOST_AT_ONCE), progress=progress):
        found.add(told)
    findings = [*found.findings, *found.labels.sum_up(cohort, target=use.target, wanted=bool(use.wanted))]

    def path_of(case: str, contrast: str) -> Path:
        return cohort.case(case).paths[contrast]

    findings += check_agreement(found.agreements, path_of, poor=poor)
    findings += [*check_swapped(found.signatures, path_of), *_check_extent(found.signatures, path_of)]
    twins = _find_twins(cohort, found.signatures, kept, reading)
    copies = [*_check_duplicates(cohort, twins, split), *_check_copied_labels(cohort, found.labels, twins)]
    findings += weigh(copies, accept=_ACCEPTED & set(reading.accept))
    findings += _check_split(cohort, split or {})
    findings += _count_empty(cohort, findings)
    return sort_findings(weigh_masks(findings, cohort, mask=mask, split=split))


def _check_wanted(cohort: Cohort, use: _Use) -> Iterator[Finding]:
    lacks = {case.id: lacking(use.wanted, use.derive, case.paths) for case in cohort.cases}
    if lacks and all(lacks.values()):
        message = f"no case has {' and '.join(use.wanted)}: there is nothing to train on. Name what there is."
        yield Finding("error", "lacks_contrast", "", message)
    for case, missing in lacks.items():
        if missing:
            yield Finding("info", "lacks_contrast", case, f"has no {' and no '.join(missing)}.")


def _check_poor(cohort: Cohort, use: _Use, poor: Poor) -> Iterator[Finding]:
    for (case, name), why in poor.items():
        if use.reads(name):
            message = (
                f"{cohort.case(case).paths[name]}: {why}. `voxlate translate --replace poor` makes it anew; {RULE}."
            )
            yield Finding("info", "poor_scan", case, message)


def _check_case(images: CaseImages, use: _Use, labels: LabelReview) -> _Found:
    case, found = images.case, _Found(labels)
    told: list[Finding] = []
    for name in case.paths:
        if not use.reads(name):
            continue
        try:
            look = images.look_at(name, used=use.needs(name))
        except VoxlateError as error:
            told.append(Finding("error" if use.needs(name) else "warning", "unreadable", case.id, str(error)))
            continue
        told += look.findings
        if not is_label_map(name):
            found.signatures.append(look.signature)
    places = labels.look(images, told)
    found.findings += [*told, *places]
    fit = images.only(labels.comparable(images, places))
    for one in check_pairs(fit, source=use.files, target=use.target, registers=use.registers):
        if isinstance(one, Agreement):
            found.agreements.append(one)
        else:
            found.findings.append(one)
    found.findings += check_coverage(fit, source=use.files, target=use.target, registers=use.registers)
    found.findings += check_derived(images, use.derive, source=use.source, target=use.target)
    return found


def _find_twins(cohort: Cohort, signatures: Sequence[Signature], kept: Kept, reading: Reading) -> list[Duplicate]:
    """One image in two cases, as it is or changed; of the latter one contrast of a pair of cases is enough."""
    subjects = {case.id: fold(case.subject) for case in cohort.cases}
    of = [reading.model_dump_json()]
    of += [part for one in signatures for part in (one.case, subjects[one.case], one.contrast, one.digest)]
    values = kept.recall("twins", of, lambda: {"pairs": [asdict(pair) for pair in find_subjects(signatures, subjects)]})
    found = find_duplicates(signatures)
    known = {(pair.one, pair.other) for pair in found}
    changed = [Duplicate(**pair) for pair in values["pairs"]]
    return [*found, *(pair for pair in changed if (pair.one, pair.other) not in known)]


def _check_duplicates(
    cohort: Cohort, duplicates: Sequence[Duplicate], split: Mapping[str, str] | None
) -> Iterator[Finding]:
    for pair in duplicates:
        one, other = cohort.case(pair.one), cohort.case(pair.other)
        how = "the same file" if pair.exact else f"nearly the same image (correlation {pair.correlation:.6f})"
        if pair.changed:
            how = f"images of one person, {pair.changed} (correlation {pair.correlation:.2f} when laid over each other)"
        files = f"{one.paths[pair.contrast]} and {other.paths[pair.contrast]}"
        message = f"{files} are {how}. Keep one of the cases."
        if not pair.certain:
            message = f"{files} may be {how}. Look at both; if they are, keep one of the cases."
            yield Finding("warning", "duplicate_image", one.id, message)
            continue
        parts = [split.get(case.id) for case in (one, other)] if split else []
        if len(set(parts)) == 2 and None not in parts:
            message = f"{message} They are in {parts[0]} and {parts[1]}: the score would be that of a seen case."
            yield Finding("error", "subject_in_two_parts", one.id, message)
        else:
            parted_later = not split and fold(one.subject) != fold(other.subject)
            yield Finding("error" if parted_later else "warning", "duplicate_image", one.id, message)


def _check_extent(signatures: Sequence[Signature], path_of: Callable[[str, str], Path]) -> Iterator[Finding]:
    """Whole cases that are out of scale, or upside down among the others; each is told once."""
    told: set[str] = set()
    for group in by_contrast(signatures):
        name = group[0].contrast
        for case, (span, usual) in out_of_scale(group).items():
            sizes = [" x ".join(f"{mm:.3g}" for mm in one) for one in (span, usual)]
            message = (
                f"{path_of(case, name)} spans {sizes[0]} mm, where the cohort's span {sizes[1]} mm in the median. Is "
                "its spacing in mm? Correct the header."
            )
            if case not in told:
                yield Finding("warning", "out_of_scale", case, message)
            told.add(case)
        for case, how in upside_down(group).items():
            message = (
                f"{path_of(case, name)} fits the other cases far better {how}: its header does not say how the voxels "
                "lie. Look at it, and correct the header."
            )
            if case not in told:
                yield Finding("warning", "upside_down", case, message)
            told.add(case)


def _check_copied_labels(cohort: Cohort, labels: LabelReview, twins: Sequence[Duplicate]) -> Iterator[Finding]:
    """Label maps of two people that mark the very same, unless their images are told to be one person's."""
    known = {frozenset((pair.one, pair.other)) for pair in twins}
    for pair in labels.copies():
        one, other = (cohort.case(case) for case in pair)
        if frozenset(pair) not in known and fold(one.subject) != fold(other.subject):
            message = (
                f"{one.paths['labels']} and {other.paths['labels']} mark the very same, voxel by voxel, as no two "
                "people's do. Put each case's own label map into it."
            )
            yield Finding("warning", "duplicate_labels", other.id, message)


def _check_split(cohort: Cohort, split: Mapping[str, str]) -> Iterator[Finding]:
    subjects = {case.id: case.subject for case in cohort.cases}
    first: dict[str, str] = {}
    for case_id, part in split.items():
        if case_id not in subjects:
            message = "the split names this case, but the cohort lacks it. Correct the split or the data."
            yield Finding("error", "not_in_cohort", case_id, message)
            continue
        other = first.setdefault(fold(subjects[case_id]), case_id)
        if split[other] != part:
            message = (
                f"subject {subjects[case_id]} is in {split[other]} (case {other}) and in {part} (case {case_id}). "
                "Put all sessions of a subject into one part."
            )
            yield Finding("error", "subject_in_two_parts", case_id, message)


def _count_empty(cohort: Cohort, findings: Sequence[Finding]) -> Iterator[Finding]:
    empty = sum(finding.code == "empty_labels" for finding in findings)
    if empty:
        maps, cases = counted(empty, "label map"), counted(len(cohort), "case")
        told = plural(empty, "is empty; it is counted", "are empty; they are counted")
        message = f"{maps} of {cases} {told}, never averaged in."
        yield Finding("info", "empty_labels_count", "", message)
