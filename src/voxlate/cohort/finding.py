"""A finding of the preflight: how grave, what sort, which case, and the sentence to print.

| code | severity | what was found |
|---|---|---|
| `unreadable` | error, warning | a file that the reader refuses (damaged, NaN, geometry in doubt) |
| `constant_image` | error, warning | an image of one value; a warning where it is neither source nor target |
| `mask_as_image` | error, warning | an MR or PET image of two values, or of few in flat patches: a mask or label map |
| `not_finite` | error | a derived contrast with values too large to be numbers |
| `target_is_source` | error | the target is its source, also changed, or labels that grey values give away |
| `copied_contrast` | error, warning | the same of two contrasts whose use is not known yet, or of two sources |
| `shared_noise` | warning | two images share noise, as no two scans do: one was added to, or blended into, the other |
| `duplicate_image` | error, warning | one image in two cases, also changed; a warning where no split can part them |
| `exchanged` | warning | another case's image fits better than the case's own, or two contrasts of it were exchanged |
| `subject_in_two_parts` | error | one subject, or one image, in two parts of the split |
| `not_in_cohort` | error | the split names a case that the cohort lacks |
| `no_overlap` | error, warning | two grids of a case that share no place in the world; a warning with registration |
| `not_hounsfield` | error, warning | air and tissue of a CT are not where HU have them; a warning if likely, or CBCT |
| `hounsfield_range` | warning | HU beyond what tissue, metal and padding reach |
| `hounsfield_background` | warning | a CT whose constant background is no air: a stripped or padded one |
| `not_suv` | error, warning | a PET image with uptake too high for SUV (Bq/ml), negative, or scaled to 1 |
| `ct_values` | error, warning | an MR or PET image that is a CT; a warning where its padding alone says so |
| `unlike_training` | warning | a source unlike those that a model was trained on, or one that fits them better turned |
| `other_spacing` | warning | a scan whose voxels are not as large as those that a model was trained on |
| `other_contrast` | warning | a file that by its name shows another contrast than it is taken for |
| `labels_not_integer` | error, warning | a label map with values between the integers, or with a smoothed edge |
| `labels_are_an_image` | error, warning | a label map with the values of an image (CT, MR) |
| `negative_labels` | error, warning | a label map with values below 0; accepted, they are background |
| `labels_misplaced` | error, warning | a label map of an image's shape with another affine: lost, mirrored, in doubt |
| `labels_off_image` | error, warning | a label map or mask beside what the image shows; an error below a tenth inside |
| `empty_mask` | error | a mask without a voxel: the case has no foreground |
| `small_mask` | warning, info | a mask that covers little, of the image or next to others: a lesion's? Info if unused |
| `inverted_mask` | warning | a mask that covers the background rather than what the image shows |
| `nothing_labelled` | error, warning | no label map has a label; a warning while nothing says what to learn |
| `other_numbering` | error, warning | labels numbered otherwise than in other cases, or than taught; none is 0 |
| `duplicate_labels` | warning | the labels of two people mark the very same voxels |
| `out_of_scale` | warning | a case that spans a third of what the others span, or three times as much |
| `upside_down` | warning | a case that fits the others far better upside down, or back to front |
| `stripped` | warning | an image without what its stripping took away, beside one that shows it |
| `many_labels` | warning | more label values than there may be classes |
| `labels_rounded` | info | label maps that lie beside whole numbers by rounding, and are read rounded |
| `unknown_label` | warning | a label map with a value that its convention (BraTS, MM-WHS) does not know |
| `empty_labels` | warning | a label map without a label: metrics of it are not available |
| `misaligned` | warning | mutual information is clearly higher at a shifted or turned position |
| `mirrored` | warning | an image, or the borders of labels, fit clearly better when mirrored |
| `unrelated` | warning | two images share next to no information at any shift: another subject's file? |
| `unlike_others` | warning | two images agree far less, or are far more alike, than those of the other cases |
| `not_covered` | warning | an image does not show all of the patient that another one of the case shows |
| `unpaired` | warning | images without labels, or labels without an image |
| `duplicate_contrast` | warning | two files for one contrast of a case; both are left out |
| `missing_file` | warning | a file that a manifest or a link names does not exist |
| `dicom` | warning | a DICOM series that makes no volume, or whose header tells no contrast |
| `unmatched` | warning | images that belong to no case, by their names |
| `contradictory` | warning | images whose names and folders say different contrasts |
| `other_run` | warning | of several images of one contrast in a session of BIDS, those that are not taken |
| `other_type` | warning | images of a BIDS data set that show no known contrast: functional, diffusion, phase |
| `no_pattern` | warning | images that no `--pattern` matches |
| `test_image` | warning | images of a challenge's test, `imagesTs` |
| `unclear_channel` | warning | images of channels that nothing tells apart |
| `archive` | warning | archives, which may hold images |
| `unmatched_rows` | warning | rows of a table that match no case |
| `unknown_column` | warning | a column that may say whose scan a case is, under another name than `subject` |
| `unknown_channels` | warning | channels of `dataset.json` that no name of a known contrast tells apart |
| `visits` | warning, info | ids that differ at their end alone; info where they are held together as one subject |
| `label_convention` | warning | label values that nothing names, or a convention that is not known |
| `synthetic` | warning, info | images that a model made; info where they are only sources |
| `poor_scan` | info | a scan in much thicker slices than the cohort's: `translate --replace poor` makes it anew |
| `lacks_contrast` | info, error | a case without a contrast that is asked for; an error if all lack one |
| `different_grids` | info | contrasts of a case on different grids: they will be resampled |
| `empty_labels_count`, `left_out` | info | how many of each |

What is an error in a label map is a warning where nothing is learned from it: it is neither source, target nor mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from voxlate.cohort.case import natural_key
from voxlate.errors import some
from voxlate.io.paths import is_volume_path

Severity = Literal["error", "warning", "info"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")
_MOST_ALIKE = 3
"""Cases of one code and severity that are shown one by one."""
_NAMED = 8


@dataclass(frozen=True)
class Finding:
    """Something about a cohort that its user should know before training.

    Attributes:
        severity: ``error`` must be put right, ``warning`` should be looked at, ``info`` is for the record.
        code: What sort, from the table above.
        case: Id of the case; empty for the cohort as a whole.
        message: What was found, where, and what to do about it.
    """

    severity: Severity
    code: str
    case: str
    message: str

    @property
    def sentence(self) -> str:
        """The message behind the name of its case, unless it begins with a file that is called like the case."""
        file = Path(self.message.partition(": ")[0])
        named = not self.case or (is_volume_path(file) and file.name.startswith(self.case))
        return self.message if named else f"{self.case}: {self.message}"


def soften(finding: Finding) -> Finding:
    """The finding about an image that nothing is learned from: never worse than a warning."""
    return replace(finding, severity="warning") if finding.severity == "error" else finding


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, then what belongs to no case by its words, then by case."""
    return sorted(
        findings, key=lambda one: (_ORDER.index(one.severity), bool(one.case), natural_key(one.case or one.message))
    )


def gather(findings: Iterable[Finding], *, every: str) -> list[Finding]:
    """The findings to show: of one sort in more than three cases or files the first, which names the others.

    Findings of cases are of one sort by code and severity, those of files that belong to no case by their words, too.

    Args:
        findings: In the order to show.
        every: How to see all of them, in words.
    """
    findings = list(findings)
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        groups.setdefault(_sort_of(one), []).append(one)
    kept = []
    for one in findings:
        group = groups[_sort_of(one)]
        others = list(dict.fromkeys(name for other in group if (name := _place(other)) != _place(group[0])))
        if len(others) < _MOST_ALIKE:
            kept.append(one)
        elif one is group[0]:
            what = "cases" if one.case else "places"
            kept.append(replace(one, message=f"{one.message} {_others(others, what, len(group) - 1, every=every)}"))
    return kept


def _sort_of(one: Finding) -> tuple[str, ...]:
    return (one.severity, one.code, "" if one.case else one.message.partition(": ")[2] or one.message)


def _place(one: Finding) -> str:
    return one.case or one.message.partition(": ")[0]


def _others(names: Sequence[str], what: str, count: int, *, every: str) -> str:
    more = f", {count} findings more" if count > len(names) else ""
    return f"The same in {len(names)} more {what}{more}: {some(names, most=_NAMED)} (all with {every})."
