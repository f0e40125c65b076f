"""Whose scan a case is, read from its id.

Said plainly: ``sub-01_ses-2`` and ``p1_visit2`` are of ``sub-01`` and ``p1``, wherever a word for a visit, or an
acquisition of one, stands at an end of the id, and so are slices, ``p1_slice14``; ids of ADNI and OASIS say it by their
form. A letter with a number (``OAS1_0001_MR2``, ``p01_V1``, ``p01_M12``), a date, a side or a field strength is one
only where the rest names a person: with a digit in it, beside other persons, and with no more visits than a study has.

Only likely: several groups of ids that differ at their end alone, by few different ends (``p1_1 p1_2 p2_1 p2_2``,
``0800 0801 0810 0811``); of three persons with a number and more by any ends, words and dates among them (``p1_rest
p1_stress``), or by what stands in front (``acute_p1 chronic_p1``). They stay apart, and the preflight tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_BIDS = re.compile(r"(sub-[^_\-\s]+)[_\-]ses-[^_\-\s]+", re.IGNORECASE)
_BY_FORM = re.compile(r"(\d{3}_S_\d{4}|OAS3\d{4}(?=_MR))(?=[_\-. ])", re.IGNORECASE)
_GAP = r"[_\-. ]"
_NUMBERED = (
    r"(?:sess?|session|visit|vis|time[_\-. ]?point|tp|follow[_\-. ]?up|fup?|weeks?|wk|months?|mth|years?|yr|run"
    r"|slices?|slc|sl|frame)"
    rf"(?:{_GAP}?(?:[mv]?\d{{1,4}}|[a-d]))"
)
_NAMED = (
    r"ses-[a-z0-9]+|baseline|bl|follow[_\-. ]?up|fup?|initial|retest|rescan|repeat|screening"
    rf"|(?:pre|mid|post|intra)(?:{_GAP}?(?:op|operative|surgery|treatment|therapy|rt))?|before|after"
)
_VISIT = rf"(?:{_NUMBERED}|{_NAMED})"
_AT_END = re.compile(rf"(?P<person>.*[^\W_])(?:{_GAP}+|(?<=\d)(?=(?:visit|tp|ses)))(?:{_VISIT})", re.IGNORECASE)
_IN_FRONT = re.compile(rf"(?:{_VISIT}){_GAP}+(?P<person>[^\W_].*)", re.IGNORECASE)
_DATE = r"(?:19|20)\d{2}[\-_.]?(?:0[1-9]|1[0-2])[\-_.]?(?:0[1-9]|[12]\d|3[01])"
_OTHER = r"left|right|(?:1[.p]5|[37])t"  # knees, or scanners, of one person
_SHORT = re.compile(
    rf"(?P<person>.*[^\W_])(?:{_GAP}+|(?<=\d)(?=[vt]\d))(?:(?:mri?|[vmtdwy]|scan|study|exam|day|time)-?\d{{1,4}}|{_DATE}|{_OTHER})",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"(.*[_\-. ])?(site|cent(re|er)|scanner|hospital|batch|group|cohort|arm|set|part|fold|study|trial"
    r"|train|val|validation|test)[_\-. ]?\d*|(19|20)\d\d",
    re.IGNORECASE,
)
_MOST_VISITS = 12
_MOST_ENDS = 6
_MOST_DIGITS = 4
_ENDS = re.compile(r"(?P<person>.*[^\W_])[_\-. ]+(?P<end>\d{1,3}|[a-z]{1,2}\d{0,2})", re.IGNORECASE)
_LETTERS = re.compile(r"(?P<person>.*\d)(?P<end>[a-d])", re.IGNORECASE)
_ANY_END = re.compile(r"(?P<person>\D*\d[^_\-. (]*)[_\-. (]+(?P<end>[^\W_].*)", re.IGNORECASE)
_LAST = re.compile(r"(?P<person>.*\d.*[^\W_])[_\-. ]+(?P<end>[^\W_]+)", re.IGNORECASE)
_ANY_FRONT = re.compile(
    rf"(?!(?:{_NO_PERSON.pattern})[_\-. ])(?P<end>[^\W_]+)[_\-. ]+(?P<person>[a-z]+[_\-. ]?\d+)", re.IGNORECASE
)
_DATED = re.compile(
    r"(?:(?:19|20)?\d\d[\-_.]?(?:0\d|1[0-2])[\-_.]?[0-3]\d|[0-3]\d[\-_.]?(?:0\d|1[0-2])[\-_.]?(?:19|20)?\d\d"
    r"|[0-3]\d[\-_.]?[a-z]{3}[\-_.]?(?:19|20)?\d\d)(?:T?\d{4,6})?",
    re.IGNORECASE,
)
_LEAST_PERSONS = 3
_FRONTS = re.compile(r"(?P<end>[vtmdwy]\d{1,2})[_\-. ]+(?P<person>[^\W_].*)", re.IGNORECASE)
_DIGITS = re.compile(r"(?P<person>(?P<before>.*?)\d+)(?P<end>\d)")


def subjects_of(ids: Iterable[str]) -> dict[str, str]:
    """From the id of a case to its subject, which is the id itself where that names no visit.

    Args:
        ids: Those of a whole cohort: whether ``p01_V1`` is a visit is seen from the others.

    Example:
        >>> subjects_of(["OAS1_0001_MR1", "OAS1_0001_MR2", "OAS1_0002_MR1", "007"])
        {'OAS1_0001_MR1': 'OAS1_0001', 'OAS1_0001_MR2': 'OAS1_0001', 'OAS1_0002_MR1': 'OAS1_0002', '007': '007'}
    """
    said = {case: _said(case) for case in ids}
    short = {case: found["person"] for case, person in said.items() if (found := _SHORT.fullmatch(person))}
    groups = _groups(short)
    of_persons = len(groups) > 1 and max(map(len, groups.values())) <= _MOST_VISITS
    if of_persons:
        said |= {case: _said(person) for case, person in short.items() if _names_a_person(person)}
    return said


def likely_visits(ids: Iterable[str]) -> list[list[str]]:
    """Groups of ids that differ at their end alone, as visits of one person do; empty if nothing speaks for that.

    Example:
        >>> likely_visits(["0800", "0801", "0810", "0811", "0820", "0821"])
        [['0800', '0801'], ['0810', '0811'], ['0820', '0821']]
        >>> likely_visits([f"{n:03d}" for n in range(1, 13)])
        []
    """
    known = list(ids)
    patterns = {_FRONTS: 0, _ENDS: 0, _LETTERS: 0, **dict.fromkeys((_ANY_END, _LAST, _ANY_FRONT), _LEAST_PERSONS)}
    every = (_few_ends(known, pattern, least=least) for pattern, least in patterns.items())
    return next((found for found in every if found), _few_digits(known))


def likely_slices(ids: Iterable[str]) -> list[list[str]]:
    """Groups of ids of pictures that differ in the number at their end alone, as slices of one person do.

    Example:
        >>> likely_slices(["p1_014", "p1_015", "p2_014", "p2_015"])
        [['p1_014', 'p1_015'], ['p2_014', 'p2_015']]
        >>> likely_slices(["image_001", "image_002", "image_003"])
        []
    """
    ends = {case: found for case in ids if (found := _ENDS.fullmatch(case)) and found["end"].isdigit()}
    groups = _groups({case: found["person"] for case, found in ends.items()})
    several = [cases for person, cases in groups.items() if len(cases) > 1 and not _NO_PERSON.fullmatch(person)]
    return several if len(several) > 1 else []


def _said(case: str) -> str:
    """The person of an id that names a visit plainly, else the id."""
    for form in (_BIDS, _BY_FORM):
        if found := form.match(case):
            return found.group(1)
    while found := _AT_END.fullmatch(case) or _IN_FRONT.fullmatch(case):
        case = found["person"]
    return case


def _names_a_person(text: str) -> bool:
    return any(map(str.isdigit, text)) and not _NO_PERSON.fullmatch(text)


def _groups(persons: Mapping[str, str]) -> dict[str, list[str]]:
    """The cases of each person, whose spellings differ in case alone."""
    groups: dict[str, list[str]] = {}
    for case, person in persons.items():
        groups.setdefault(person.casefold(), []).append(case)
    return groups


def _few_ends(ids: Sequence[str], pattern: re.Pattern[str], *, least: int) -> list[list[str]]:
    """Ids of more persons than one, who have more than one visit, of few; of so many that have a number at least."""
    ends = {case: found for case in ids if (found := pattern.fullmatch(case))}
    groups = _groups({case: found["person"] for case, found in ends.items()})
    for case in ids:
        if case.casefold() in groups:
            groups[case.casefold()].insert(0, case)
    several = {person: cases for person, cases in groups.items() if len(cases) > 1 and not _NO_PERSON.fullmatch(person)}
    seen = {_told(ends[case]["end"]) for cases in several.values() for case in cases if case in ends}
    every = {_told(found["end"]) for found in ends.values()}
    common = 2 * len(several) >= len(groups) or len(every) <= _MOST_ENDS
    numbered = sum(any(map(str.isdigit, person)) for person in several)
    fits = len(seen) <= min(_MOST_ENDS, len(several) + 1) and (numbered > 1 or len(several) > max(2, len(seen)))
    return list(several.values()) if common and fits and numbered >= least else []


def _told(end: str) -> str:
    """An end of an id, to be counted: dates are one, since each person has others."""
    return "a date" if _DATED.fullmatch(end) else end.casefold()


def _few_digits(ids: Sequence[str]) -> list[list[str]]:
    """Ids that lack most last digits, which numbers given one after the other do not."""
    numbers = {case: found for case in ids if (found := _DIGITS.fullmatch(case))}
    groups = _groups({case: found["person"] for case, found in numbers.items()})
    several = [cases for cases in groups.values() if len(cases) > 1]
    seen = sorted({int(numbers[case]["end"]) for cases in several for case in cases})
    if not several or seen[0] > 1 or seen != list(range(seen[0], seen[0] + len(seen))) or len(seen) > _MOST_DIGITS:
        return []
    series = Counter(numbers[cases[0]]["before"] for cases in several)
    return several if min(series.values()) > 2 and 3 * len(several) >= 2 * len(groups) else []
