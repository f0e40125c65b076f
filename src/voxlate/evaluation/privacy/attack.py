"""Membership inference: can one tell from synthetic images whom their model was trained on?

The attack has the synthetic images alone (Chen et al. 2020, doi:10.1145/3372297.3417238, full black box): a real image
counts as a member the more, the nearer its nearest synthetic image is. Its area under the ROC curve is the probability
that a random member lies nearer than a random non-member; 0.5 is chance. The interval is a percentile bootstrap over
subjects, members and others apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 10
"""Fewer subjects on either side are not tested: of ten and ten the interval of a guess is already half the scale."""
_RESAMPLES = 2000
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Membership:
    """What the attack reached.

    Attributes:
        auc: Area under the ROC curve.
        interval: Its 95 % interval.
        members: Number of images that the model has seen.
        others: Number of held-out images.
    """

    auc: float
    interval: tuple[float, float]
    members: int
    others: int

    @property
    def in_words(self) -> str:
        """What it means, as a clause."""
        if self.interval[0] > 0.5:
            return "members can be told from others better than by chance"
        if self.interval[1] < 0.5:
            return "held-out images lie nearer than members, which memory does not explain: do the two groups differ?"
        return "members cannot be told from others by this attack"


def _roc_auc(members: Scores, others: Scores) -> float:
    """The share of pairs in which the member scores higher; ties count half.

    Args:
        members: Scores of members, at least one.
        others: Scores of the others, at least one.

    Example:
        >>> _roc_auc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
        0.875
    """
    ordered = np.sort(others)
    below = np.searchsorted(ordered, members, side="left")
    not_above = np.searchsorted(ordered, members, side="right")
    return float((below + not_above).mean() / (2 * len(others)))


def roc_curve(members: Scores, others: Scores) -> tuple[Scores, Scores]:
    """Shares of the others and of the members that score at least a threshold, from the strictest on, from 0 to 1."""
    cuts = np.unique(np.concatenate([members, others]))[::-1]
    shares = [1 - np.searchsorted(np.sort(group), cuts, side="left") / len(group) for group in (others, members)]
    return np.concatenate([[0.0], shares[0]]), np.concatenate([[0.0], shares[1]])


def infer_membership(
    scores: Scores, is_member: NDArray[np.bool_], subjects: Sequence[str | int], *, seed: int = 0
) -> Membership | None:
    """The attack on real images.

    Args:
        scores: ``(n,)``, higher for what looks like a member: the negative distance to the nearest synthetic image.
        is_member: ``(n,)``.
        subjects: Who each image shows.
        seed: Seed of the bootstrap.

    Returns:
        ``None`` with fewer than ten subjects on either side.
    """
    names = np.asarray(subjects)
    groups = [_by_subject(scores[chosen], names[chosen]) for chosen in (is_member, ~is_member)]
    if min(map(len, groups)) < FEWEST:
        return None
    generator = np.random.default_rng(seed)
    drawn = np.empty(_RESAMPLES)
    for turn in range(_RESAMPLES):
        inside, outside = (
            np.concatenate([group[at] for at in generator.integers(0, len(group), len(group))]) for group in groups
        )
        drawn[turn] = _roc_auc(inside, outside)
    low, high = np.quantile(drawn, [0.025, 0.975])
    auc = _roc_auc(scores[is_member], scores[~is_member])
    return Membership(auc, (float(low), float(high)), int(is_member.sum()), int((~is_member).sum()))


def _by_subject(scores: Scores, names: NDArray[np.generic]) -> list[Scores]:
    return [scores[names == name] for name in np.unique(names)]
