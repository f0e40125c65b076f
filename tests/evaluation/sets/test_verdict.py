"""What two sets say together: the bytes of the summary, and sentences that the numbers carry."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from voxlate.cohort import Case
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, SetComparison
from voxlate.evaluation.sets.embedding import Features
from voxlate.evaluation.sets.images import Sets
from voxlate.evaluation.sets.verdict import set_caveats, summarise_sets
from voxlate.metrics.distribution import Estimate

GOLDEN = (
    '{"answer": "There are too few synthetic T2 images for an unbiased distance from the real ones.", '
    '"contrast": "t2", "features": "net layer 0123", "views": ["axial"], "rows": ['
    '{"region": "axial", "method": "real vs real", "metric": "fid", "title": "FID", "better": "lower", '
    '"value": 0.01, "sd": null, "p": null, "note": "plain", "samples": [5, 4], "cases": [2, 2], '
    '"features": "net layer 0123"}, '
    '{"region": "axial", "method": "synthetic", "metric": "kid", "title": "KID", "better": "lower", '
    '"value": null, "sd": 0.05, "p": 0.5, "note": "not available: few", "samples": [8, 9], "cases": [3, 4], '
    '"features": "net layer 0123"}], "facts": {"model": "mine"}}'
)
"""As it was written before the summary had a type."""


class _Network:
    name = "net layer 0123"
    dims: Literal[2, 3] = 2

    def embed(self, path: Path, *, mirrored: bool = False) -> Features:
        """Never asked."""
        raise AssertionError(path)


SETS = Sets("t2", (Case("a", "a", {}),), (Case("b", "b", {}),), _Network(), {"model": "mine"})


def _compared(view: str, method: str, estimates: Mapping[str, Estimate]) -> SetComparison:
    samples, cases = ((5, 4), (2, 2)) if method == FLOOR else ((8, 9), (3, 4))
    return SetComparison(view, method, estimates, samples, cases)


def _both(
    view: str, *, kid: float, floor: float, p: float | None = None, shares: float = math.nan
) -> list[SetComparison]:
    found = {
        "kid": Estimate(kid, "unbiased", sd=0.05),
        "mmd": Estimate(0.3, "unbiased", p=p),
        "set_precision": Estimate(shares, "nearest"),
        "set_recall": Estimate(shares / 2, "nearest"),
    }
    return [_compared(view, FLOOR, {"kid": Estimate(floor, "unbiased")}), _compared(view, SYNTHETIC, found)]


def test_the_summary_is_the_same_to_the_byte() -> None:
    found = [
        _compared("axial", FLOOR, {"fid": Estimate(0.01, "plain")}),
        _compared("axial", SYNTHETIC, {"kid": Estimate(math.nan, "not available: few", sd=0.05, p=0.5)}),
    ]
    assert json.dumps(summarise_sets(found, SETS).to_json(), ensure_ascii=False) == GOLDEN


def test_the_answer_is_that_of_the_view_in_which_the_sets_lie_farthest_apart() -> None:
    found = [
        *_both("axial", kid=0.1, floor=0.01, p=0.5, shares=0.5),
        *_both("coronal", kid=0.25, floor=0.02, p=0.0004, shares=0.25),
        *_both("sagittal", kid=math.nan, floor=0.0),
    ]
    assert summarise_sets(found, SETS).answer == (
        "Synthetic T2 lies at a KID of 0.250 from real T2 in coronal features, the view in which they differ most; "
        "real vs real 0.0200. A test that deals whole cases tells the two sets apart (p < 0.001). 25 % of the "
        "synthetic slices lie among real ones, and 12 % of the real ones among synthetic ones. "
        "Features by net layer 0123."
    )


@pytest.mark.parametrize(
    ("view", "p", "words"),
    [
        ("3-D", 0.05, "(3-D); real vs real 0. A test that deals whole cases does not tell the two sets apart"),
        ("axial", None, "(axial); real vs real 0. 50 % of the synthetic slices"),
    ],
)
def test_one_view_is_named_and_a_test_only_where_there_was_one(view: str, p: float | None, words: str) -> None:
    answer = summarise_sets(_both(view, kid=0.1, floor=0.0, p=p, shares=0.5), SETS).answer
    assert words in answer
    assert ("50 % of the synthetic volumes" in answer) == (view == "3-D")


def test_halves_that_are_too_small_are_no_floor() -> None:
    answer = summarise_sets(_both("axial", kid=0.1, floor=math.nan), SETS).answer
    assert "halves of the real set are too small to compare. Features by" in answer


def test_caveats_say_what_the_numbers_cannot() -> None:
    plain = _both("axial", kid=0.1, floor=0.0)
    found = [*plain, _compared("axial", FLOOR, {"fid": Estimate(0.1, "corrected for 160 samples")})]
    few, corrected, lacking = set_caveats(summarise_sets(found, SETS), images=(19, 30))
    assert few.startswith("Only 19 images on one side")
    assert corrected.startswith("FID of axial is extrapolated, because there are fewer than 2048 samples")
    assert lacking == "Not available in some view, for want of samples: precision of the set, recall of the set."
    assert set_caveats(summarise_sets(plain, SETS), images=(20, 30)) == [lacking]
