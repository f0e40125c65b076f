"""Words: how metrics, methods, regions and numbers are written on figures and pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from voxlate.evaluation.scores import SCORED
from voxlate.metrics import DETECTION_METRICS, MASKED_METRICS, SEGMENTATION_METRICS, TASK_METRICS, Better
from voxlate.roles import BASELINES

_METRICS = {**SCORED, **TASK_METRICS}
_COUNTS = frozenset({"detection_tp", "detection_fp", "detection_fn"})
_SIMILARITIES = (
    frozenset(
        {
            "ssim",
            "ncc",
            "stitching",
            "nmi",
            "sharpness",
            "bone_dice",
            "ms_ssim",
            "ms_ssim_synthrad",
            "surface_dice",
            *MASKED_METRICS,
            *TASK_METRICS,
        }
    )
    | (SEGMENTATION_METRICS.keys() | DETECTION_METRICS.keys()) - _COUNTS
)
_IN_LABELS = "lesion_"  # how validations call a metric inside every label, whatever it marks,
_OF_TRAINING, _OF_CLASS = "train_", " of "  # of training cases, and of one class
_METHODS = {"lookup": "intensity lookup"}
_MEANINGS = {
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "psnr": "peak signal-to-noise ratio",
    "ssim": "structural similarity, 1 is identical",
    "ncc": "normalised cross-correlation, 1 is identical up to scale",
    "stitching": "how much more the error jumps from slice to slice along one axis than along the others, 0 to 1",
    "nmi": "normalised mutual information of the grey values, 1 is independent, 2 is that each tells the other",
    "ms_ssim": "structural similarity at five scales, 1 is identical",
    "sharpness": "root of the mean square spatial frequency over that of the truth: 1 is as sharp, less is blurred, "
    "which SSIM forgives, more is noise or edges that are not there",
    "ssim_masked_image": "SSIM of images that are 0 outside the lesion, averaged over the foreground (Genc et al.): "
    "the zeros agree, so it flatters every method; to compare with the paper only",
    "bone_dice": "overlap of what is above 250 HU in prediction and truth, 1 is identical",
    "psnr_synthrad": "PSNR after both images are clipped to -1024 to 3071 HU",
    "ms_ssim_synthrad": "structural similarity at five scales as SynthRAD 2025 computes it, 1 is identical",
    "wepl_ap": "difference of the water-equivalent length of a path through the patient, mean over all paths from the "
    "front to the back; a cheap stand-in for dose",
    "wepl_lr": "the same from left to right",
    "wepl_centre": "difference of the water-equivalent depth of the region's centre, mean over eight directions in its "
    "axial plane",
    "gamma_3_3": "percentage of the voxels whose dose lies within 3 % of the highest true dose, or is found within "
    "3 mm (Low et al. 1998, global); the dose is that of primary photons, a stand-in without scatter",
    "gamma_2_2": "the same within 2 % and 2 mm",
    "mae_slice_total": "sum over the slices of each slice's mean absolute error",
    "mae_slice_average": "that sum divided by the number of slices",
    "mse_slice_total": "sum over the slices of each slice's mean squared error",
    "mse_slice_average": "that sum divided by the number of slices",
    "dice": "overlap of the labelled voxels of prediction and truth, 1 is identical",
    "iou": "voxels labelled in both divided by voxels labelled in either, 1 is identical",
    "accuracy": "share of voxels that are right, background included, which flatters where labels are small",
    "precision": "share of the predicted voxels that are true",
    "recall": "share of the true voxels that are predicted",
    "f1": "harmonic mean of precision and recall; of voxels it is the same number as Dice",
    "volume_error": "absolute difference of the predicted and the true volume, divided by the true one",
    "hd95": "95 % of either surface are no farther than this from the other; where one of the two is empty, the "
    "diagonal of the region's box",
    "surface_dice": "share of both surfaces that is no farther than 1 mm from the other, 1 is all",
    "detection_tp": "true lesions that the prediction touches",
    "detection_fp": "predicted lesions that touch no true one",
    "detection_fn": "true lesions that the prediction does not touch",
    "detection_sensitivity": "share of the true lesions that are found, whatever their size",
    "detection_precision": "lesions found divided by lesions found and invented",
    "detection_f1": "harmonic mean of sensitivity and precision of detection",
}
NOT_AVAILABLE = "n/a"


def metric_title(metric: str, *, unit: str = "") -> str:
    """The metric's name with the unit, where it has one: ``MAE (HU)``. The unit ``1`` is not written."""
    plain, rest = _plain(metric), metric.removeprefix(_OF_TRAINING)
    title = _METRICS[plain].title if plain in _METRICS else rest
    if plain in _METRICS and rest not in _METRICS:
        title += " in labels" if rest.startswith(_IN_LABELS) else rest.removeprefix(plain)
    title += ", training cases" if rest != metric else ""
    return f"{title} ({unit})" if unit not in {"", "1"} else title


def meaning(metric: str) -> str:
    """What the metric is, in words; empty if that is not known."""
    return _MEANINGS.get(metric, "")


def better(metric: str) -> Better:
    """Which direction is better; lower for what the catalogue does not know, such as a loss."""
    return _METRICS[_plain(metric)].better if _plain(metric) in _METRICS else "lower"


def _plain(metric: str) -> str:
    """The metric without where, on which cases and for which class it is computed."""
    rest = metric.removeprefix(_OF_TRAINING)
    candidates = (metric, rest, rest.removeprefix(_IN_LABELS), rest.partition(_OF_CLASS)[0])
    return next((name for name in candidates if name in _METRICS), metric)


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


def number(value: float | None, *, metric: str = "", signed: bool = False) -> str:
    """A score with as many digits as it deserves; ``n/a`` if there is none.

    Similarities get three decimals, decibels one, errors three significant digits.

    Example:
        >>> number(0.91234, metric="ssim"), number(31.27, metric="mae"), number(None)
        ('0.912', '31.3', 'n/a')
    """
    if value is None or math.isnan(value):
        return NOT_AVAILABLE
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    metric = _plain(metric)
    if metric in MASKED_METRICS:
        text = f"{value:.4f}"  # all of them are near 1
    elif metric in _SIMILARITIES:
        text = f"{value:.3f}"
    elif metric in _METRICS and _METRICS[metric].unit_rule == "dB":
        text = f"{value:.1f}"
    else:
        text = _three_digits(value)
    return ("+" if signed and value > 0 else "") + text.replace("-", "\N{MINUS SIGN}")


def interval_words(interval: Sequence[float], *, metric: str = "") -> str:
    """An interval as text: ``30.1 to 34.2``."""
    low, high = (number(end, metric=metric) for end in interval)
    return f"{low} to {high}"


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
        number(value)
        if value is None or not math.isfinite(value)
        else f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")
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
