"""Which contrast a scan shows, by what its scanner says: words of the protocol, kind of image, times of the sequence.

The header is that of DICOM, under its keywords, as dcm2niix writes it beside a NIfTI file (``3_t1_mprage_sag.json``):
``SeriesDescription`` or ``ProtocolName`` name the contrast, ``ImageType`` a map or a part of Dixon,
``ContrastBolusAgent`` what was given before. Times are in seconds, as dcm2niix has them. Where no word tells, the times
do: an inversion beyond 1.5 s with a long echo is FLAIR; a short echo and a short repetition, or a small flip angle
after an inversion, is T1; long ones are T2; a long repetition with a short echo is PD (Bernstein, King, Zhou: Handbook
of MRI pulse sequences, 2004). Where words and times contradict each other, nothing is said. Times decide only where
each item of ``ImageType`` is one of a plain image; a map, a part of a complex image or a difference has the times of
what it was computed from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voxlate.contrast import find_contrast
from voxlate.io import volume_stem
from voxlate.plainyaml import Json
from voxlate.question.sidecars import read_inherited

_DESCRIPTIONS = ("SeriesDescription", "ProtocolName")
_AGENTS, _NOTHING = ("ContrastBolusAgent", "ContrastBolusIngredient"), {"", "none", "no", "n/a", "false"}
_NO_CONTRAST = re.compile(
    r"\b(loc(alizer|aliser)?|scout|survey|smartbrain|field ?map\w*|b0 ?map|mip|mra|mrv|tof|angio\w*|perf\w*|asl|bold"
    r"|rest\w*|f?mri task|dti|screen ?save|phoenix\w*|report|phase|mt|mtc|magneti\w* transfer|cine|\w*ssfp|ciss|fiesta"
    r"|tru(e )?fi(sp)?|dess|spectro\w*|map(s|ping)?|molli|relaxometry|subtract\w*)\b"
)
_COMPUTED = re.compile(
    r"\b(maps?|fa|e?xp ?adc|eadc|r|real|i|imag\w*|sub\w*|diff(erence)?|\w*fraction|frac|r[12] ?(star)?|cb[fv]"
    r"|mtt|ttp|tmax|perf\w*|asl|t ?test|stiff\w*|phase\w*|proj\w*|minip|spec\w*)\b"
)
_PLAIN = re.compile(
    r"original|derived|primary|secondary|other|none|norm|nd|m|magnitude|(m )?(se|ffe|ir|tse|fse|epi|gre|b1)|t[12]|pd"
    r"|proton density|flair|dis[23]d|fm[\d ]*|fil\w*|dr[bgs]|pfp|mfsplit|sh[\d ]*|volume|axial|sagittal|coronal|oblique"
    r"|mpr|csa mpr\w*|csaparallel|reformatted|resampled|average|mean|comp\w* ?\w*|mosaic|moco|tra|sag|cor|te ?\d+|\d*"
)
_WORDS: tuple[tuple[str, str], ...] = (
    ("swi", r"\b(swi|swan|ven ?bold|susceptib\w*)\b"),
    ("adc", r"\badc\b"),
    ("dwi", r"\b(dwi|trace\w*|diff\w*|ep2d diff\w*)\b"),
    ("t1", r"\bt1w? ?(3d |tse |tirm |spir )*(flair|dark fl\w*)\b"),
    ("flair", r"flair|dark ?fluid|\btirm dark\b"),
    ("t2star", r"\bt2w? ?(star|\*)|\bt2 (ffe|gre|merge|medic|fl2d|hemo\w*)\b|\b(gre|ffe|fl2d) t2\b|\bh(a?e)?emo\w*\b"),
    ("t1", r"\b(t1\w*|mp ?rage\w*|mpr|mp2rage\w*|\w*spgr\w*|bravo|vibe|lava)\b"),
    ("t2", r"\bt2\w*\b"),
    ("pd", r"\b(pdw?|proton density\w*|protonen\w*)\b"),
)
_AGENT = re.compile(
    r"\b(gd|gad\w*|post|km|kontrast\w*|contrast|ce|dotarem|omniscan|magnevist|clariscan|prohance)\b|\+ ?c\b"
)
_NO_AGENT = re.compile(r"\b(pre|non?|without|ohne|nativ\w*|unenhanced)\b")
_DIXON = {
    "in_phase": ({"IN_PHASE", "IP"}, r"\b(in|inph\w*|in ?phase|ip)$"),
    "out_phase": ({"OUT_PHASE", "OPP_PHASE", "OP"}, r"\b(opp|out|opp? ?phase|out ?phase|op|oop)$"),
    "water": ({"WATER", "W"}, r"\b(w|water)$"),
    "fat": ({"FAT", "F"}, r"\b(f|fat)$"),
}
_IS_DIXON = re.compile(r"dixon|vibe|lava|flex|ideal|dual ?echo")
_LONG_INVERSION_S, _LONG_ECHO_S, _SHORT_ECHO_S = 1.5, 0.06, 0.03
_SHORT_REPETITION_S, _LONG_REPETITION_S = 1.2, 1.8


class _Guess(NamedTuple):
    """The canonical name of a contrast, empty if nothing is said, and why, as a clause."""

    contrast: str
    reason: str
    silent: bool = False
    """Whether nothing is said at all, neither for a contrast nor against."""


def read_sidecar(image: Path) -> Json:
    """What the JSON file beside an image, in BIDS with those above, says of its scan; empty if nothing."""
    values = read_inherited(image.with_name(f"{volume_stem(image)}.json"))
    said = {"Modality", "EchoTime", *_AGENTS, *_DESCRIPTIONS}
    return values if said & values.keys() else {}


def had_agent(header: Json) -> bool:
    """Whether a header names a contrast agent."""
    return any(str(header.get(name) or "none").strip().casefold() not in _NOTHING for name in _AGENTS)


def guess_contrast(header: Json) -> _Guess:
    """The contrast of a scan, and the reason.

    Args:
        header: By DICOM keyword; ``EchoTime``, ``RepetitionTime`` and ``InversionTime`` in s, ``FlipAngle`` in degrees.

    Example:
        >>> guess_contrast({"SeriesDescription": "t1_mprage_sag_iso", "EchoTime": 0.003}).contrast
        't1'
    """
    modality = str(header.get("Modality", "MR")).upper()
    if modality != "MR":
        name = {"CT": "ct", "PT": "pet"}.get(modality, "")
        return _Guess(name, f"its modality is {modality}")
    said = header.get("ImageType") or ()
    kinds = {str(kind).strip().upper() for kind in (re.split(r"[\\,]", said) if isinstance(said, str) else said)}
    odd = [kind for kind in sorted(kinds) if not _PLAIN.fullmatch(_plain(kind))]
    texts = [_plain(str(header.get(name) or "")) for name in _DESCRIPTIONS]
    if {"PHASE", "P", "LOCALIZER", "PROJECTION IMAGE", "MIP"} & kinds or _NO_CONTRAST.search(" ".join(texts)):
        return _Guess(
            "", "it is a localiser, a phase, a projection, a map or of a sequence without a contrast of the list"
        )
    if "ADC" in kinds:
        return _Guess("adc", "its ImageType says ADC")
    by_word, by_time = _by_words(texts), _by_time(header)
    if not_plain := _is_no_plain_image(header, odd, by_word):
        return _Guess("", f"{not_plain}: if it shows one of the contrasts, name it with --as")
    for name, (types, ending) in _DIXON.items():
        if types & kinds or any(_IS_DIXON.search(text) and re.search(ending, text) for text in texts):
            return _Guess(name, "its header says a part of Dixon")
    guess = _agreed(by_word, by_time, header)
    if guess.contrast == "t1" and _has_agent(header, " ".join(texts)):
        return _Guess("t1c", f"{guess.reason}, and a contrast agent was given")
    return guess


def _is_no_plain_image(header: Json, odd: Sequence[str], by_word: _Guess | None) -> str:
    """Why neither its times nor, where it was computed from others, its words tell what it shows; empty if they do."""
    weighting = header.get("DiffusionBValue")
    if isinstance(weighting, int | float) and weighting > 0 and not (by_word and by_word.contrast in ("dwi", "adc")):
        return f"it is diffusion-weighted (b = {weighting:g} s/mm2)"
    computed = [kind for kind in odd if _COMPUTED.search(_plain(kind))]
    if computed or (by_word is None and odd and not any({*odd} & types for types, _ in _DIXON.values())):
        return f"its ImageType says {' '.join(computed or odd)}"
    return ""


def _plain(text: str) -> str:
    return re.sub(r"[_\-./^,;:()\[\] ]+", " ", text.lower()).strip()


def _by_words(texts: Sequence[str]) -> _Guess | None:
    """By the first text in which a word tells a contrast; without its name if that is not declared; else ``None``."""
    for text in texts:
        for name, pattern in _WORDS:
            if re.search(pattern, text):
                known = find_contrast(name)
                return _Guess(known.name, f"{text!r} says so") if known else _Guess("", f"{text!r} says {name}")
    return None


def _by_time(header: Json) -> _Guess:
    echo, repetition, inversion, flip = (
        float(value) if isinstance(value := header.get(name), int | float) else 0.0
        for name in ("EchoTime", "RepetitionTime", "InversionTime", "FlipAngle")
    )
    said = f"its echo time is {1000 * echo:.0f} ms, its repetition time {1000 * repetition:.0f} ms"
    if echo <= 0:
        return _Guess("", "no word of it tells a contrast, and it states no echo time", silent=True)
    if inversion > _LONG_INVERSION_S and echo > _LONG_ECHO_S:
        return _Guess("flair", f"{said}, its inversion time {1000 * inversion:.0f} ms")
    if echo < _SHORT_ECHO_S and (0 < repetition < _SHORT_REPETITION_S or (inversion > 0 and 0 < flip < 30)):
        return _Guess("t1", said)
    if repetition > _LONG_REPETITION_S and not inversion:
        return _Guess("t2" if echo > _LONG_ECHO_S else "pd" if echo < _SHORT_ECHO_S else "", said)
    return _Guess("", "neither its words nor its times tell a contrast", silent=True)


def _agreed(by_word: _Guess | None, by_time: _Guess, header: Json) -> _Guess:
    if by_word is None or (by_word.contrast, by_time.contrast) == ("t2", "flair"):
        return by_time
    echo = header.get("EchoTime")
    echo_s = float(echo) if isinstance(echo, int | float) else 0.0
    if (by_word.contrast == "t1" and echo_s > _LONG_ECHO_S) or (by_word.contrast, by_time.contrast) == ("flair", "t1"):
        return _Guess("", f"{by_word.reason}, but its echo time is {1000 * echo_s:.0f} ms")
    return by_word


def _has_agent(header: Json, text: str) -> bool:
    return had_agent(header) or (bool(_AGENT.search(text)) and not _NO_AGENT.search(text))
