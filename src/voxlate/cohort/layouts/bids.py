"""The layout ``bids``: a raw data set of the Brain Imaging Data Structure, and the label maps of its derivatives.

    sub-01/anat/sub-01_T1w.nii.gz
    sub-01/ses-1/anat/sub-01_ses-1_acq-highres_ce-gadolinium_run-2_T1w.nii.gz
    derivatives/labels/sub-01/ses-1/anat/sub-01_ses-1_label-lesion_mask.nii.gz

(Gorgolewski et al. 2016, doi 10.1038/sdata.2016.44; bids-specification.readthedocs.io.) A case is a subject, or one of
its sessions; all sessions are of one subject, so that a split holds them together. The suffix names the contrast;
``ce-``, or a contrast agent in the JSON file beside the image, turns T1 into T1 post-contrast. Images of phase and of
other data types than anatomy, PET and CT are left out, as is what ``.bidsignore`` names or lies in ``sourcedata``,
``code``, ``stimuli`` and ``phenotype``. JSON files are inherited from the folders above.

Of several images of one contrast in a session the one with the fewest entities (no ``acq-``, no ``rec-``) and then the
lowest ``run-`` is taken, and the others are named; where that leaves two, as between two ``acq-``, none is. Label maps
are taken from derivatives whose name says that hands made them (labels, manual, lesion, annotation, expert, truth).

A reading of our own in the place of ancpbids: a path and a name say everything that is asked for, in a regular
expression, and what decides here (which contrast, which of several runs, what is left out and why) no library answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.cohort.case import LeftOut, natural_key
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.cohort.layouts.listing import list_folder
from voxlate.cohort.layouts.naming import split_name, why_not
from voxlate.cohort.layouts.patterns import glob
from voxlate.cohort.layouts.protocol import had_agent, read_sidecar
from voxlate.io import volume_stem

_PATH = re.compile(r"(?:.*/)?(?P<subject>sub-[^/_]+)/(?:(?P<session>ses-[^/_]+)/)?(?P<type>[a-z]+)/(?P=subject)_[^/]+")
_TYPES = {"anat", "pet", "ct", "mr"}
_BY_HAND = re.compile(r"label|manual|lesion|annotation|expert|truth", re.IGNORECASE)
_IDENTITY = {"sub", "ses", "run", "part"}
"""Entities that say whose image it is, and not which of several kinds; of T1 post-contrast also ``ce``."""
_APART = {"sourcedata", "code", "stimuli", "phenotype"}
"""Folders of the data set whose files are none of its images."""


@dataclass(frozen=True)
class _Named:
    """An image that BIDS names.

    Attributes:
        file: Its place.
        rank: Number of entities that make it special, and its run: the lowest is taken.
    """

    file: RecognisedFile
    rank: tuple[int, int] = field(default=(0, 0))


def is_bids(root: Path, images: Sequence[Path]) -> bool:
    """Whether images lie and are called as in BIDS: most of them, or some beside ``dataset_description.json``."""
    named = sum(_PATH.fullmatch(path.relative_to(root).as_posix()) is not None for path in images)
    return named > 0 and (2 * named >= len(images) or (root / "dataset_description.json").is_file())


def place_bids(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of a raw data set belongs, and the label maps of its derivatives."""
    ignored = _ignored_by(root)
    items: list[Found] = []
    scans: dict[tuple[str, str], list[_Named]] = {}
    for path in [*images, *_labels_of_derivatives(root)]:
        relative = path.relative_to(root).as_posix()
        found = LeftOut(path, "named in .bidsignore", "ignored") if ignored(relative) else _place(path, relative)
        if isinstance(found, _Named):
            scans.setdefault((found.file.case, found.file.contrast), []).append(found)
        else:
            items.append(found)
    for several in scans.values():
        items += _choose(several)
    return items


def _place(path: Path, relative: str) -> _Named | LeftOut:
    found = _PATH.fullmatch(relative)
    if found is None:
        return LeftOut(path, "does not lie as BIDS says: sub-*/[ses-*/]<type>/sub-*_<suffix>")
    if (first := relative.split("/", 1)[0]) in _APART:
        return LeftOut(path, f"lies in {first}, which is no part of the data set", "ignored")
    if found["type"] not in _TYPES:
        return LeftOut(path, f"an image of the data type {found['type']}", "other_type")
    stem = volume_stem(path)
    *pairs, _ = stem.split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    if entities.get("part", "mag") != "mag":
        return LeftOut(path, f"part-{entities['part']} is no magnitude", "other_type")
    contrast = split_name(stem)[1]
    if contrast is None:
        return LeftOut(path, why_not(stem), "other_type")
    name = "t1c" if contrast.name == "t1" and had_agent(read_sidecar(path)) else contrast.name
    session = found["session"] or (f"ses-{entities['ses']}" if "ses" in entities else "")
    case = "_".join(filter(None, (found["subject"], session)))
    known = _IDENTITY | {"ce"} if name == "t1c" else _IDENTITY
    special = len(entities.keys() - known) if contrast.kind != "label" else 0
    run = entities.get("run", "0")
    return _Named(RecognisedFile(path, case, name, found["subject"]), (special, int(run) if run.isdigit() else 0))


def _choose(scans: Sequence[_Named]) -> list[Found]:
    """Of several images of one contrast in a session the one that the rule takes, and the others with the reason."""
    lowest = min(scan.rank for scan in scans)
    best = [scan.file for scan in scans if scan.rank == lowest]
    if len(best) > 1:  # the assembly leaves all of them out
        return list(best)
    items: list[Found] = [best[0]]
    for scan in scans:
        if scan.file is not best[0]:
            reason = (
                f"another {scan.file.contrast} of {scan.file.case}; {best[0].path.name} is taken, with fewer entities "
                "or the lower run. Say with --pattern which, if another is meant"
            )
            items.append(LeftOut(scan.file.path, reason, "other_run", scan.file.case, scan.file.contrast))
    return items


def _labels_of_derivatives(root: Path) -> list[Path]:
    """Label maps in the folders of derivatives that hands made, by their names."""
    folder = root / "derivatives"
    pipelines = sorted(folder.iterdir(), key=lambda path: natural_key(path.name)) if folder.is_dir() else []
    found: list[Path] = []
    for pipeline in pipelines:
        if pipeline.is_dir() and _BY_HAND.search(pipeline.name):
            named = ((path, split_name(volume_stem(path))[1]) for path in list_folder(pipeline).images)
            found += [path for path, contrast in named if contrast is not None and contrast.name == "labels"]
    return found


def _ignored_by(root: Path) -> Callable[[str], bool]:
    """Whether ``.bidsignore`` names a relative path; as of ``.gitignore``, the last line that fits decides.

    Of what ``translate`` wrote it names contrasts that BIDS has no suffix for yet, and which are images all the same.
    """
    path = root / ".bidsignore"
    ours = '"Voxlate"' in _text(root / "dataset_description.json")
    lines = [] if ours else _text(path).splitlines()
    rules = []
    for line in (line.strip() for line in lines):
        if line and not line.startswith("#"):
            text = line.removeprefix("!").rstrip("/")
            anchored = text.lstrip("/") if "/" in text else f"**/{text}"
            rules.append((glob(anchored, below=True), not line.startswith("!")))

    def ignores(relative: str) -> bool:
        return next((verdict for rule, verdict in reversed(rules) if rule.fullmatch(relative)), False)

    return ignores


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
