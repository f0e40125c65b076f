"""Whether the values of a CT are Hounsfield units, by where air and soft tissue lie in the histogram.

Air is at -1000 HU, fat at -100, soft tissue between 0 and 100 (Hounsfield 1973, doi 10.1259/0007-1285-46-552-1016).
The values, without padding (``histogram``), are parted in two by Otsu's threshold; the mode of each part is *air* and
*tissue*. So neither the lowest value decides, nor padding, nor the few voxels that resampling left beyond the range.

Attenuation in 1/m, of which air has 0 and water about 19 (60 to 80 keV), is told by its narrow peak: all soft tissue
lies within 8 % of it, where a brain in HU is spread by its noise alone.

What is certain is an error: peaks of air and tissue as far apart as in HU, but at another place (an intercept), or half
or twice as far (a slope); a range of a few units or of 8 bits; nothing below zero and no soft tissue. What is only
likely is a warning, such as air that is all around a body and lies 60 to 130 HU beside its place. An image without
air, of a field of view inside the body or stripped, has its tissue alone to be judged by. Where fat and muscle show as
two peaks (``anchors``), these tell a smaller offset, in a chest too; inside a body the place of most soft tissue.
Air all around whose peak is narrow is 60 HU off where a slope is wrong. A hundredth of the voxels at the lowest value
and 0.2 % at the highest were clipped there, which matters where air or bone is beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxlate.cohort.admission.anchors import offset_of, sharp_air
from voxlate.cohort.admission.histogram import Histogram, Peak
from voxlate.cohort.finding import Severity

_AIR_HU = -1000.0
_AIR_AT_MOST, _LEAST_AIR = (-1161.0, -839.0), 0.01
_FAT_TO_TISSUE = (860.0, 1160.0)
"""How far above air the tissue that most voxels show is: from fat to contrast-enhanced blood."""
_OFF, _SAME = 130.0, 140.0
_SLIGHT, _OFF_DISTANCE, _STRETCHED = 60.0, (960.0, 1200.0), 1090.0
_DENSE = 0.35
_SHORT, _FEW_UNITS, _LONG = 20.0, 5.0, 20_000.0
_FULL = (255.0, 1000.0, 1023.0, 4095.0, 65535.0)
_BELOW_ZERO, _FEW = -40.0, 0.002
_CORMACK = 2000.0
_DARK, _BRAIN, _BRIGHT = 12.0, 55.0, 140.0
_WIDE, _NARROW, _FLUID = 60.0, 150.0, 0.25
_PER_METRE, _BONE_PER_METRE, _NOISE_PER_METRE = (14.0, 26.0), 100.0, 3.0
_SOFT, _MOST_OF_BODY = 0.08, 0.5
_NO_AIR, _LITTLE_AIR = -400.0, 0.01
_BELOW_FAT, _NO_FAT, _SOME_BONE, _LITTLE_MUSCLE = 0.1, 0.08, 0.08, 0.2
_FAR_TOO_LOW, _TOO_LOW, _TOO_HIGH, _WATERY = -140.0, (-90.0, -45.0), (105.0, 150.0), 30.0
"""Where no soft tissue has its peak: between fat and water, and above muscle and blood where no agent is in it."""
_TENTH, _TENTH_AIR, _TENTH_RANGE, _TENTH_NOISE = (86.0, 116.0), 15.0, (-140.0, 320.0), 15.0
_TENTH_SHARE = 0.1
_LOW_END, _HIGH_END, _BOTH_ENDS, _AIR_CUT, _BONE_CUT = 0.01, 0.002, 0.95, -900.0, 900.0
LOWEST_HU, HIGHEST_HU = -2048.0, 10_000.0
_BEYOND = 0.001


@dataclass(frozen=True)
class Judgement:
    """Why values are not, or perhaps not, what they are taken for.

    Attributes:
        severity: ``error`` where it is certain.
        cause: What happened to them, as a clause.
    """

    severity: Severity
    cause: str


def judge_hounsfield(seen: Histogram) -> Judgement | None:
    """What speaks against an image being in HU, or ``None``."""
    span = seen.values[-1] - seen.values[0]
    if span <= _SHORT:
        body = span == 0 or np.median(seen.values) > _FEW_UNITS
        filled = body and any(abs(value - _AIR_HU) < 100 for value in seen.padding)
        return None if filled else Judgement("error", "they were scaled to a short range")
    if np.subtract(*np.percentile(seen.values, (99, 1))) > _LONG:
        return Judgement("error", "they span more than any tissue or metal does")
    if _is_attenuation(seen):
        return Judgement("error", "air is near 0 and tissue near 20: this is the attenuation in 1/m")
    air, tissue = seen.parts()
    if clipped := _clipped(seen) or _tenths(seen, air, tissue):
        return clipped
    if air.stands_out and tissue.stands_out:
        displaced = _displaced(seen, air, tissue)
        if displaced:
            return displaced
    if seen.share(-np.inf, _BELOW_ZERO) < _FEW:
        return _without_air(seen)
    return _unlikely(seen, air) or _moved(seen) or _within_a_body(seen)


def _moved(seen: Histogram) -> Judgement | None:
    """An offset that fat and muscle show, and the air outside where there is some."""
    found = offset_of(seen)
    if found:
        return Judgement("warning", f"{found.told}, so they may be off by about {found.hu:.0f}")
    air = sharp_air(seen)
    if air is None or abs(air - _AIR_HU) < _SLIGHT:
        return None
    return Judgement("warning", f"the air around is at {air:.0f}: they may be stretched by {air / _AIR_HU:.2f}")


def _clipped(seen: Histogram) -> Judgement | None:
    """Many voxels at the very lowest value and at the very highest, where that cuts air or bone off."""
    low, high = float(seen.every[0]), float(seen.every[-1])
    shares = [float(np.mean(seen.every == end)) for end in (low, high)]
    ends_there = sum(shares) < _BOTH_ENDS and shares[0] > _LOW_END and shares[1] > _HIGH_END and low < _BELOW_ZERO
    if not ends_there or (low < _AIR_CUT and high > _BONE_CUT):
        return None
    ends = " and ".join(
        f"{100 * share:.2g} % of the voxels are {end:g}" for share, end in zip(shares, (low, high), strict=True)
    )
    return Judgement("warning", f"{ends}: they were clipped, and what lies beyond is lost")


def _tenths(seen: Histogram, air: Peak, tissue: Peak) -> Judgement | None:
    """Air at -100 and tissue at 0, without the noise and the bone that fat and water would have there."""
    lowest, highest = np.percentile(seen.every, (0.1, 99.9))
    within = lowest > _TENTH_RANGE[0] and highest < _TENTH_RANGE[1]
    apart = _TENTH[0] <= tissue.place - air.place <= _TENTH[1] and abs(air.place - _AIR_HU / 10) < _TENTH_AIR
    if not within or not apart or air.share < _TENTH_SHARE:
        return None
    narrow = seen.share(air.place - _TENTH_NOISE, air.place + _TENTH_NOISE) > 0.5 * air.share
    cause = f"air is at {air.place:.0f} and tissue at {tissue.place:.0f}: they are tenths of HU"
    return Judgement("warning", cause) if narrow else None


def _is_attenuation(seen: Histogram) -> bool:
    """Whether nothing lies clearly below zero, and most of a body in a narrow peak where water is in 1/m."""
    lowest, highest = np.percentile(seen.every, (0.1, 99.9))
    body = seen.values[seen.values > _PER_METRE[0] / 2]
    if lowest < -_NOISE_PER_METRE or highest > _BONE_PER_METRE or body.size < 0.02 * seen.every.size:
        return False
    middle = float(np.median(body))
    around = np.mean(np.abs(body - middle) < _SOFT * middle)
    return _PER_METRE[0] < middle < _PER_METRE[1] and bool(around > _MOST_OF_BODY)


def looks_hounsfield(seen: Histogram) -> bool:
    """Whether an image shows air at -1000 and tissue at 0, each as a peak, with little in between: a CT."""
    if seen.share(*_AIR_AT_MOST) < _LEAST_AIR:  # so no peak of air can stand out
        return False
    air, tissue = seen.parts()
    between = seen.share(-700, -250)
    return (
        air.stands_out
        and tissue.stands_out
        and abs(air.place - _AIR_HU) < 100
        and -150 < tissue.place < 150
        and min(air.share, tissue.share) > 0.05
        and between < min(0.2, air.share, tissue.share)
        and seen.share(-np.inf, -1200) < 0.01
    )


def beyond_hounsfield(seen: Histogram) -> bool:
    """Whether more than a few voxels, padding among them, lie beyond what tissue, metal and padding reach."""
    return seen.outside(LOWEST_HU, HIGHEST_HU) > _BEYOND


def _displaced(seen: Histogram, air: Peak, tissue: Peak) -> Judgement | None:
    """Two clear peaks that are those of air and tissue by their distance, at another place or stretched."""
    distance, off = tissue.place - air.place, air.place - _AIR_HU
    at = f"air is at {air.place:.0f} and tissue at {tissue.place:.0f}"
    if _SLIGHT < abs(off) < _OFF and _OFF_DISTANCE[0] <= distance <= _OFF_DISTANCE[1] and tissue.around > _DENSE:
        return Judgement("warning", f"{at}: {_slightly(air, distance)}") if _surrounds(seen, air, tissue) else None
    if _FAT_TO_TISSUE[0] <= distance <= _FAT_TO_TISSUE[1]:
        if abs(off) < _OFF or (off > 0 and tissue.place < 130 and not _surrounds(seen, air, tissue)):
            return None
        if abs(air.place) < 150:
            return _intercept(seen, air, tissue, at)
        if tissue.around < _DENSE or seen.share(-np.inf, air.place - 100) > _FEW:  # lung and bone, say
            return None
        return Judgement(_by_border(seen, air, tissue), f"{at}, so they are off by about {off:.0f}")
    for slope, how in ((0.5, "half"), (2.0, "twice")):
        like = _FAT_TO_TISSUE[0] <= distance / slope <= _FAT_TO_TISSUE[1]
        if like and air.place < -300 and _parted(seen, air, tissue):
            cause = f"{at}, {how} as far apart as in HU: the rescale slope is wrong"
            return Judgement(_by_border(seen, air, tissue), cause)
    return None


def _slightly(air: Peak, distance: float) -> str:
    """What may have displaced air that is all around by less than what is certain: a slope, or an offset."""
    slope = air.place / _AIR_HU
    if slope > 1 and distance > _STRETCHED:
        return f"they may be stretched by {slope:.2f}"
    return f"they may be off by about {round(air.place - _AIR_HU, -1):.0f}"


def _parted(seen: Histogram, air: Peak, tissue: Peak) -> bool:
    """Whether little lies between the two peaks."""
    quarter = (tissue.place - air.place) / 4
    return seen.share(air.place + quarter, tissue.place - quarter) < 0.5 * min(air.share, tissue.share)


def _intercept(seen: Histogram, air: Peak, tissue: Peak, at: str) -> Judgement | None:
    """A first peak near 0 may be brain, and the second bone: bone is spread wide, and no fat lies below soft tissue."""
    above = seen.share(tissue.place + 80, tissue.place + 180) > 0.15 * tissue.share
    if tissue.around < _DENSE or not (tissue.place - air.place > 960 or above):
        return None
    return Judgement(_by_border(seen, air, tissue), f"the rescale intercept was lost ({at})")


def _surrounds(seen: Histogram, air: Peak, tissue: Peak) -> bool:
    """Whether the darker part is all around and of one value, as air is, and lung is not."""
    around = seen.border_share(-np.inf, (air.place + tissue.place) / 2)
    return around is not None and around > 0.9 and air.around > 0.7


def _by_border(seen: Histogram, air: Peak, tissue: Peak) -> Severity:
    """An error where the darker part is air, which surrounds a body; a warning where it may be tissue or lung."""
    around = seen.border_share(-np.inf, (air.place + tissue.place) / 2)
    return "error" if around is None or around >= air.share else "warning"


def _without_air(seen: Histogram) -> Judgement | None:
    """No voxel is darker than water: brain with or without its skull, an organ cut out, or values that are not HU."""
    if seen.highest in _FULL:
        return Judgement("error", f"nothing lies below zero, and the highest is {seen.highest:g}: they were scaled")
    soft, bright = seen.share(_BELOW_ZERO, 110), seen.share(200, np.inf)
    if soft + seen.share(110, 200) < 0.3:
        return Judgement("error", "nothing lies below zero and little is soft tissue: the rescale intercept was lost")
    place, _ = seen.mode(_BELOW_ZERO, 400)
    told = f"nothing lies below {_BELOW_ZERO:g}, and most values are near {place:.0f}"
    if bright > 0.05 and (seen.border_share(_BELOW_ZERO, 110) or 0) > 0.9:
        return Judgement("error", f"{told}, all around what is brighter, as air would be")
    inner = seen.values[: np.searchsorted(seen.values, 110)]
    width = np.subtract(*np.percentile(inner, (90, 10)))
    below = seen.padding or seen.lowest < 0  # noise makes some of the fluid darker than water
    brain = _DARK < place < _BRAIN and width < _WIDE and below and seen.share(-np.inf, 5) < _FLUID
    if soft > 0.5 and brain and _may_be_bone(seen, bright):
        return None
    if _DARK < place < _BRIGHT and (soft > 0.75 or np.subtract(*np.percentile(seen.values, (95, 5))) < _NARROW):
        return Judgement("warning", f"{told}: brain, an organ cut out, or an MR image, perhaps")
    unit = "Cormack's unit (air 0, brain about 2600)" if seen.parts()[1].place > _CORMACK else "the intercept was lost"
    return Judgement("error", f"{told}, which is no soft tissue: an MR image, or {unit}")


def _unlikely(seen: Histogram, air: Peak) -> Judgement | None:
    """What is found in hardly any CT, of whatever part of a body."""
    if air.stands_out and air.place < _AIR_HU - _SAME:
        return Judgement("warning", f"the darkest part is near {air.place:.0f}, below air")
    body = seen.share(-300, np.inf)
    if body < 0.02 or seen.share(-200, 200) < 0.15 * body:
        return Judgement("warning", "few of them are those of fat or soft tissue (-200 to 200 HU)")
    place, around = seen.mode(-300, 400)
    if around > _DENSE and place < -_SAME:
        return Judgement("warning", f"most tissue is near {place:.0f}, below fat")
    if around > _DENSE and place > _SAME and seen.share(-150, 0) < 0.08 * seen.share(-150, 400):
        return Judgement("warning", f"most tissue is near {place:.0f}, and hardly any is fat or water")
    return None


def _within_a_body(seen: Histogram) -> Judgement | None:
    """An offset where there is no air, and too little fat or muscle for two peaks, such as round a vertebra.

    Most soft tissue is muscle, blood and water then, or fat, and next to nothing lies between fat and air (up to 4 %
    in crops round bones and organs; 14 % and more once they are 100 HU too low) or, beside bone, instead of fat.
    """
    if seen.share(-np.inf, _NO_AIR) > _LITTLE_AIR:
        return None
    place, around = seen.mode(-300, 400)
    if around < _DENSE:
        return None
    below, bone = seen.share(-300, -150), seen.share(200, np.inf)
    lowest = _FAR_TOO_LOW if seen.share(0, 100) < _LITTLE_MUSCLE else _TOO_LOW[0]  # fat may be most, but never all
    if below > _BELOW_FAT and lowest < place < _TOO_LOW[1]:
        what = f"{100 * below:.0f} % lie between fat and air"
    elif bone > _SOME_BONE and seen.share(-150, -30) < _NO_FAT and _TOO_HIGH[0] < place < _TOO_HIGH[1]:
        what = "hardly any is fat"
    else:
        return None
    off = round(place - _WATERY, -1)
    return Judgement("warning", f"most soft tissue is near {place:.0f}, and {what}: they may be off by about {off:.0f}")


def _may_be_bone(seen: Histogram, bright: float) -> bool:
    """Whether what is brighter than soft tissue is little, or has many values, or those of dense bone."""
    place, around = seen.mode(200, np.inf)
    return bright < 0.05 or (bright < 0.5 and (around < _DENSE or place > 700))
