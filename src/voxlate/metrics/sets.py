"""The catalogue of distances between sets of images, in the order of rows and columns."""

from __future__ import annotations

from voxlate.metrics.distribution import NEIGHBOURS, PLAIN_FROM, SetMetric

SETS: dict[str, SetMetric] = {
    "fid": SetMetric(
        title="FID",
        better="lower",
        meaning="Fréchet distance of Gaussians fitted to the features; from few samples it is too high, so with fewer "
        f"than {PLAIN_FROM} it is extrapolated to infinitely many, and may then come out a little below 0",
        formula="`abs(m - m')^2 + tr(S + S' - 2 (S S')^(1/2))`; with fewer than "
        f"{PLAIN_FROM:,} samples extrapolated to infinitely many",
    ),
    "kid": SetMetric(
        title="KID",
        better="lower",
        meaning="kernel distance, an unbiased estimate: two samples of one distribution score around 0, and may fall "
        "below",
        formula="unbiased squared maximum mean discrepancy with the kernel `(x y / c + 1)^3`, mean over 100 subsets",
    ),
    "mmd": SetMetric(
        title="MMD²",
        better="lower",
        meaning="squared maximum mean discrepancy with a Gaussian kernel, unbiased likewise",
        formula="the same with `exp(-abs(x - y)^2 / (2 s^2))`, `s` the median distance",
    ),
    "set_precision": SetMetric(
        title="precision of the set",
        better="higher",
        meaning=f"share of synthetic samples within reach of a real one (its {NEIGHBOURS} nearest real neighbours): "
        "low where images look like nothing real",
        formula="share of synthetic samples no farther from some real one than its third nearest real neighbour",
    ),
    "set_recall": SetMetric(
        title="recall of the set",
        better="higher",
        meaning="share of real samples within reach of a synthetic one: low where kinds of real images are never made",
        formula="share of real samples no farther from some synthetic one than its third nearest synthetic neighbour",
    ),
}
