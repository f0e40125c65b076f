"""Words: how metrics, methods and numbers are written in sentences, on figures and on pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Self

from voxlate.metrics import METRICS, Better
from voxlate.roles import BASELINES

_IN_LABELS = "lesion_"  # how validations call a metric inside every label, whatever it marks,
_OF_TRAINING, _OF_CLASS = "train_", " of "  # of training cases, and of one class
_METHODS = {"lookup": "intensity lookup"}
HEADLINES = ("mae", "psnr", "ssim")
"""What a reader asks of a translation first."""
NOT_AVAILABLE = "n/a"
MINUS = "\N{MINUS SIGN}"
_TERMS = {"l1": "L1", "l2": "L2", "ssim": "SSIM"}


def metric_title(metric: str, *, unit: str = "") -> str:
    """The metric's name with the unit, where it has one: ``MAE (HU)``. The unit ``1`` is not written."""
    plain, rest = _plain(metric), metric.removeprefix(_OF_TRAINING)
    title = METRICS[plain].title if plain in METRICS else rest
    if plain in METRICS and rest not in METRICS:
        title += " in labels" if rest.startswith(_IN_LABELS) else rest.removeprefix(plain)
    title += ", training cases" if rest != metric else ""
    return f"{title} ({unit})" if unit not in {"", "1"} else title


def meaning(metric: str) -> str:
    """What the metric is, in words; empty if that is not known."""
    return METRICS[_plain(metric)].meaning if _plain(metric) in METRICS else ""


def better(metric: str) -> Better:
    """Which direction is better; lower for what the catalogue does not know, such as a loss."""
    return METRICS[_plain(metric)].better if _plain(metric) in METRICS else "lower"


def _plain(metric: str) -> str:
    """The metric without where, on which cases and for which class it is computed."""
    rest = metric.removeprefix(_OF_TRAINING)
    candidates = (metric, rest, rest.removeprefix(_IN_LABELS), rest.partition(_OF_CLASS)[0])
    return next((name for name in candidates if name in METRICS), metric)


def direction(metric: str) -> str:
    """The better direction in words."""
    return "1 is best" if better(metric) == "one" else f"{better(metric)} is better"


def arrow(metric: str) -> str:
    """The better direction as an arrow, to stand beside the words."""
    arrows = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}", "one": "\N{RIGHTWARDS ARROW}"}
    return arrows[better(metric)]


def short_title(method: str) -> str:
    """The method as readers know it."""
    return _METHODS.get(method, method)


def method_title(method: str) -> str:
    """The method as readers know it; a baseline says that it is one."""
    return short_title(method) + (" (baseline)" if method in BASELINES else "")


def in_order(methods: Iterable[str]) -> list[str]:
    """Methods as they are shown: the baselines, then the others in the order in which they come, each once."""
    found = list(dict.fromkeys(methods))
    return [name for name in BASELINES if name in found] + [name for name in found if name not in BASELINES]


class Number(str):
    """A number as a table shows it, which knows its value: ``float(cell)`` has all digits.

    Attributes:
        value: The value; NaN where there is none.
    """

    __slots__ = ("value",)
    value: float

    def __new__(cls, text: str, value: float = math.nan) -> Self:
        """The text with its value."""
        made = super().__new__(cls, text)
        made.value = value
        return made

    def __float__(self) -> float:
        return self.value


class Ends(str):
    """An interval as a table shows it, which knows its two ends, ``low`` and ``high``."""

    __slots__ = ("high", "low")
    low: float
    high: float

    def __new__(cls, text: str, low: float = math.nan, high: float = math.nan) -> Self:
        """The text with both ends."""
        made = super().__new__(cls, text)
        made.low, made.high = low, high
        return made


def number(value: float | None, *, metric: str = "", signed: bool = False) -> Number:
    """A score with as many digits as it deserves; ``n/a`` if there is none.

    How many, the metric knows: similarities get three decimals, decibels one, errors three significant digits.

    Example:
        >>> number(0.91234, metric="ssim"), number(31.27, metric="mae"), number(None)
        ('0.912', '31.3', 'n/a')
    """
    if value is None or math.isnan(value):
        return Number(NOT_AVAILABLE)
    if math.isinf(value):
        return Number("\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}", value)
    known = METRICS.get(_plain(metric))
    text = _three_digits(value) if known is None or known.decimals is None else f"{value:.{known.decimals}f}"
    return Number(("+" if signed and value > 0 else "") + with_minus(text), value)


def interval_words(interval: Sequence[float], *, metric: str = "") -> str:
    """An interval as text, which knows its ends: ``30.1 to 34.2``."""
    low, high = (number(end, metric=metric) for end in interval)
    return Ends(f"{low} to {high}", low.value, high.value)


def changes(*values: float | None, most: int = 9) -> list[str]:
    """Differences that are read together, signed, with so many decimals that the largest has three digits.

    Args:
        *values: The differences; ``None`` for what is not available.
        most: No more decimals than these.

    Example:
        >>> changes(-0.00385, 0.000927, None)
        ['−0.00385', '+0.00093', 'n/a']
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    decimals = min(most, max(0, 2 - math.floor(math.log10(max(known))))) if known else 0
    return [
        number(value) if value is None or not math.isfinite(value) else with_minus(f"{value:+.{decimals}f}")
        for value in values
    ]


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    exponent = int(f"{value:.2e}".partition("e")[2])
    if -4 <= exponent < 6:
        return f"{value:.{max(0, 2 - exponent)}f}"
    return f"{value:.2e}"


def p_value(value: float | None) -> str:
    """A p value with two significant digits, ``p < 0.001`` below that."""
    if value is None or math.isnan(value):
        return NOT_AVAILABLE
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def with_minus(text: str) -> str:
    """A number as text, its hyphens as minus signs."""
    return text.replace("-", MINUS)


def signed(value: float, digits: str = ".2f") -> str:
    """A difference with its sign; what rounds to zero has none.

    Args:
        value: The difference.
        digits: A format of Python without the sign: ``.2f`` two decimals, ``.3g`` three significant digits.

    Example:
        >>> signed(-0.123), signed(0.0012), signed(0.0012, ".3g")
        ('−0.12', '0.00', '+0.0012')
    """
    text = f"{value:+{digits}}"
    return with_minus(text if float(text) else text[1:])


def listed(names: Sequence[object], joint: str = "and") -> str:
    """Names in a sentence: ``axial, coronal and sagittal``."""
    *first, last = map(str, names)
    return f"{', '.join(first)} {joint} {last}" if first else last


def after_value(unit: str) -> str:
    """The unit as it follows a value, a space before it; nothing for the unit ``1``."""
    return "" if unit in {"", "1"} else f" {unit}"


def field_title(field: str) -> str:
    """A dotted recipe field in words: ``loss.lesion_mask`` is "weight of lesion mask"."""
    parts = [part.replace("_", " ") for part in field.split(".")]
    if parts[0] == "loss" and len(parts) > 1:
        term = _TERMS.get(parts[1], parts[1])
        return f"weight of {term}" if parts[2:] in ([], ["weight"]) else f"{parts[-1]} of {term}"
    return parts[-1]
