"""Which contrast a file name stands for.

The contrast is the end of the name, after a separator (``_``, ``-``, ``.`` or a blank) or alone; of several aliases
that fit the longest wins: ``x_t2_flair`` is FLAIR and ``x-ce-T1w`` is T1 post-contrast. The entity ``ce-`` of BIDS
(Gorgolewski et al. 2016, doi 10.1038/sdata.2016.44) turns T1 into T1 post-contrast.

The word before may make it another image: ``post_T1`` is T1 post-contrast, ``mask_T1`` a mask. Where it leaves several
readings, as in ``lesion_T1``, ``FLAIR_to_T1`` or ``map_T1``, the name stands for none. So does a relaxation time:
``T1map``, ``T1_map`` and ``t1rho`` are no weighted images.

``mask`` is the outline of the patient, unless the word before it names a lesion or an organ:
``x_lesion_mask`` and ``x_label-WMH_mask`` are label maps. So is ``x_seg_nnunet``: behind ``seg`` a word says whose
segmentation it is. The parts of Dixon are called by scanners ``_in``, ``_opp``, ``_W`` and ``_F``, in these letters:
they are read behind the protocol's name (``t1_vibe_dixon_W``), and where several lie beside each other (``p1_W``,
``p1_F``).
"""

from __future__ import annotations

import re

from voxlate.cohort.layouts.masks import masks_a_part
from voxlate.contrast import CONTRASTS, Contrast, find_contrast

_SEPARATOR = re.compile(r"[_\-. ]+")
_OPERATION = re.compile(r"(pre|post|intra)[_\-. ]?op$", re.IGNORECASE)  # "pre-op" is a date, not an opposed phase
_CONTRAST_AGENT = re.compile(r"(^|[_\-. ])ce-[^_]+_", re.IGNORECASE)
_ENTITY = re.compile(r"(^|_)[a-z]+-[^_\-]+_$", re.IGNORECASE)  # of BIDS: space-T1w_ is not the image's contrast
_AFTER_AGENT = re.compile(r"(post|(post)?contrast|(post)?gd|gad|gadolinium|ce|enhanced)", re.IGNORECASE)
_BEFORE_AGENT = re.compile(r"(pre|non?|without|native)", re.IGNORECASE)
_ONTO = {"to", "in", "on", "onto", "into", "2", "reg", "registered", "space", "warped", "minus", "vs", "over"}
_COMPUTED = {"map", "mapping", "diff", "difference", "delta", "subtraction", "ratio", "std", "var", "error"}
_T2STAR = {"gre", "ffe", "swi", "star", "medic"}
_RELAXATION = re.compile(r"(^|[_\-. ])(t1|t2|t2s|t2star|t2\*)[_\-. ]?(rho|map|maps|mapping)$", re.IGNORECASE)
_OUTLINES = {"mask", "brainmask", "bodymask"}
_LABELS = {"seg", "segmentation", "dseg", "label", "labels"}
_WHOSE_LABELS = re.compile(r"(?P<before>(?:.*[_\-. ])?)(seg|segmentation)[_\-. ](?P<whose>[a-z]\w*)", re.IGNORECASE)
_DIXON = {"in": "in_phase", "opp": "out_phase", "W": "water", "F": "fat"}
"""Ends of a scanner's names, too short to be aliases."""
_IS_DIXON = re.compile(r"dixon|vibe|lava|flex|ideal|dual[_\-. ]?echo", re.IGNORECASE)
_PERSON = re.compile(r"sub|subj|subject|pat|patient|person|case|id|p|s", re.IGNORECASE)
_SIZE = re.compile(r"[\dx.p]+(mm|iso|t|tesla|bit|d)|\d+x[\dx]+", re.IGNORECASE)
_OTHERWISE = {"fl", "op", "ip", "oop", "trace", "fat", "water", "fdg", "foreground"}
"""Aliases that before a contrast are as likely something else."""


def contrast_in(stem: str, *, case: str = "") -> Contrast | None:
    """The contrast that a file name without its image suffix ends with, or ``None``.

    Args:
        stem: ``BraTS19_XX_1_t1ce`` of ``BraTS19_XX_1_t1ce.nii.gz``.
        case: The case's name; where the stem begins with it, only the rest is looked at.

    Example:
        >>> contrast_in("sub-01_ses-1_T1w").name
        't1'
    """
    return split_name(stem, case=case)[1]


def split_name(stem: str, *, case: str = "") -> tuple[str, Contrast | None]:
    """What comes before the contrast in a file name, and the contrast; the arguments are those of ``contrast_in``.

    Example:
        >>> split_name("sub-01_ses-1_T1w")[0]
        'sub-01_ses-1_'
    """
    tail = _without_case(stem, case)
    if _OPERATION.search(tail):
        return tail, None
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(tail))]
    before, found = next(
        ((tail[:start], hit) for start in starts if (hit := find_contrast(tail[start:]))), (tail, None)
    )
    if found is None:
        before, found = _by_scanner_or_rater(tail, within=tail != stem)
    if found is not None and found.name == "mask" and masks_a_part(before):
        return before, CONTRASTS["labels"]
    if found is not None and found.name == "t1" and _CONTRAST_AGENT.search(stem):
        return before, CONTRASTS["t1c"]
    if found is not None and found.kind != "label" and not _ENTITY.search(before):
        found = _with_words(found, [word.casefold() for word in _SEPARATOR.split(before) if word])
    return (tail, None) if found is None else (before, found)


def split_front(stem: str) -> tuple[str, Contrast] | None:
    """What comes after a contrast that a file name begins with, where that may be a case's id, and the contrast.

    An id has a number, which is neither a size nor a field strength, and no word before it but one for a person.

    Example:
        >>> split_front("T1w_sub-01")[0], split_front("T1_post_01")[1].name, split_front("T1_2mm")
        ('sub-01', 't1c', None)
    """
    for separator in reversed(list(_SEPARATOR.finditer(stem))):
        rest, found = stem[separator.end() :], find_contrast(stem[: separator.start()])
        if found is not None and rest:
            words = [word for word in _SEPARATOR.split(rest) if word]
            number = next((word for word in words if not _PERSON.fullmatch(word)), "")
            is_id = any(map(str.isdigit, number)) and not _SIZE.fullmatch(number) and find_contrast(number) is None
            return (rest, found) if is_id else None
    return None


def contrast_of_file(stem: str, *, case: str = "") -> Contrast | None:
    """The contrast of a file by itself: that which its name ends with, or begins with before an id.

    Example:
        >>> contrast_of_file("T1_p01").name, contrast_of_file("p01_FLAIR").name
        ('t1', 'flair')
    """
    return contrast_in(stem, case=case) or (split_front(stem) or ("", None))[1]


def dixon_part(stem: str) -> tuple[str, str] | None:
    """What comes before the short end of a scanner's name, and the part of Dixon that it stands for.

    The ends are so short that something has to bear them out: the protocol's name before them, or other parts beside.

    Example:
        >>> dixon_part("p01_W"), dixon_part("p01_w")
        (('p01_', 'water'), None)
    """
    for end, name in _DIXON.items():
        front = stem.removesuffix(end)
        if front != stem and (not front or _SEPARATOR.fullmatch(front[-1])):
            return front, name
    return None


def _by_scanner_or_rater(tail: str, *, within: bool) -> tuple[str, Contrast | None]:
    """As ``split_name``, for the ends of a scanner's names and somebody's segmentations; ``within`` a case's folder."""
    part = dixon_part(tail)
    if part and (_IS_DIXON.search(part[0]) or (within and not part[0])):
        return part[0], CONTRASTS[part[1]]
    rated = _WHOSE_LABELS.fullmatch(tail)
    return (rated["before"], CONTRASTS["labels"]) if rated else (tail, None)


def why_not(stem: str, *, case: str = "") -> str:
    """Why a file name stands for no contrast, as a clause; the arguments are those of ``contrast_in``."""
    if is_ambiguous(stem, case=case):
        return "its name may mean several contrasts; rename it, or list it in a manifest"
    return "its name ends with no known contrast"


def is_ambiguous(stem: str, *, case: str = "") -> bool:
    """Whether a name ends with a contrast, or a map of one, and may mean another; arguments as for ``contrast_in``."""
    tail = _without_case(stem, case)
    if _RELAXATION.search(tail):
        return True
    ends = any(find_contrast(tail[match.end() :]) for match in _SEPARATOR.finditer(tail))
    return ends and not _OPERATION.search(tail) and contrast_in(stem, case=case) is None


def _with_words(found: Contrast, words: list[str]) -> Contrast | None:
    """The contrast at the end of a name after these words, or ``None`` where they leave several readings."""
    last, before = (["", "", *words])[-1], (["", "", *words])[-2]
    if found.name == "t1" and _AFTER_AGENT.fullmatch(last):
        return found if _BEFORE_AGENT.fullmatch(before) else CONTRASTS["t1c"]
    if last in _OUTLINES:
        return CONTRASTS["mask"]
    if last in _LABELS:
        return CONTRASTS["labels"]
    other = _named(last)
    if other is not None and other.kind == found.kind == "mr" and "mr" in (other.name, found.name):
        return other if found.name == "mr" else found
    parts = _DIXON.values() if other is not None and other.name in {"t1", "t2"} else ()
    ambiguous = (
        (
            other is not None
            and other is not found
            and (other.name, found.name) != ("dwi", "adc")
            and found.name not in parts
        )
        or (last in _ONTO and _named(before) is not None)
        or last in _COMPUTED
        or (found.name == "t2" and last in _T2STAR)
    )
    return None if ambiguous else found


def _named(word: str) -> Contrast | None:
    return None if word in _OTHERWISE else find_contrast(word)


def _without_case(stem: str, case: str) -> str:
    rest = stem[len(case) :]
    if case and stem.casefold().startswith(case.casefold()) and _SEPARATOR.match(rest):
        return _SEPARATOR.sub("", rest, count=1)
    return stem
