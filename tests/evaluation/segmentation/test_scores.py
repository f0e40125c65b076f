"""Scores of label maps, class by class, against the catalogue's metrics called one by one and against counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import label

from voxlate.cohort.labels.classes import ANY_LABEL
from voxlate.errors import UsageError
from voxlate.evaluation.segmentation.scores import class_regions, score_segmentation, volumes_ml, whole
from voxlate.metrics import metrics_of

SPACING = (1.0, 2.0, 0.5)
NESTED = {"whole": (1, 2, 4), "core": (1, 4)}
APART = {"core": (1, 4), "oedema": (2,)}


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.zeros((18, 16, 14), dtype=np.uint8)
    truth[3:9, 4:10, 4:9] = 2
    truth[4:7, 5:8, 5:8] = 4
    truth[13:15, 12:14, 2:4] = 1
    found = np.where(rng.random(truth.shape) < 0.1, 0, np.roll(truth, 1, axis=0))
    found[1, 1, 12] = 1  # invented
    return found, truth


def scored(found: np.ndarray, truth: np.ndarray, classes: dict[str, tuple[int, ...]]) -> dict[tuple[str, str], float]:
    everywhere = np.ones(truth.shape, dtype=bool)
    scores = score_segmentation(
        found, truth, classes=classes, mask=everywhere, spacing_mm=SPACING, case="case-1", method="real"
    )
    assert {score.method for score in scores} == {"real"}
    assert {score.case for score in scores} == {"case-1"}
    return {(score.region, score.metric): score.value for score in scores}


def test_any_label_is_scored_unless_a_class_is_all_labels_already() -> None:
    assert class_regions(NESTED) == NESTED
    assert class_regions(APART) == {**APART, ANY_LABEL: (1, 2, 4)}
    assert class_regions({"tumour": [2, 1]}) == {"tumour": (1, 2)}
    assert class_regions({"everything": (), "core": (1,)}) == {"everything": (), "core": (1,)}
    assert [whole(classes) for classes in (NESTED, APART, {"core": (1,), "everything": ()})] == [
        "whole",
        ANY_LABEL,
        "everything",
    ]


def test_a_class_without_values_is_whatever_is_labelled() -> None:
    found, truth = maps()
    assert scored(found, truth, {"a": ()})["a", "dice"] == scored(found, truth, {"a": (1, 2, 4)})["a", "dice"]


def test_the_truth_may_have_other_values() -> None:
    found, truth = maps()
    other = np.select([truth == 2, truth > 0], [7, 9]).astype(np.uint8)
    everywhere = np.ones(truth.shape, dtype=bool)
    scores = score_segmentation(
        found,
        other,
        classes=APART,
        mask=everywhere,
        spacing_mm=SPACING,
        case="case-1",
        method="real",
        truth_classes={"core": (9,), "oedema": (7,)},
    )
    np.testing.assert_equal({(s.region, s.metric): s.value for s in scores}, scored(found, truth, APART))


def test_every_metric_of_every_class_is_that_of_the_catalogue() -> None:
    found, truth = maps()
    values = scored(found, truth, APART)
    everywhere = np.ones(truth.shape, dtype=bool)
    catalogue = metrics_of("segmentation", "surface", "detection")
    assert len(values) == 3 * len(catalogue)
    for region, labels in class_regions(APART).items():
        alone = np.isin(found, labels).astype(float), np.isin(truth, labels).astype(float)
        for name, metric in catalogue.items():
            extra = {"spacing_mm": SPACING} if name in metrics_of("surface") else {}
            assert values[region, name] == metric(*alone, mask=everywhere, data_range=1.0, **extra), (region, name)


def test_overlap_and_lesions_agree_with_plain_counting() -> None:
    found, truth = maps(3)
    values = scored(found, truth, NESTED)
    f, t = np.isin(found, NESTED["core"]), np.isin(truth, NESTED["core"])
    assert values["core", "dice"] == pytest.approx(2 * (f & t).sum() / (f.sum() + t.sum()))
    numbers, count = label(t, structure=np.ones((3, 3, 3)))
    hit = sum(bool((f & (numbers == one)).any()) for one in range(1, count + 1))
    assert values["core", "detection_tp"] == hit
    assert values["core", "detection_fn"] == count - hit
    assert values["core", "detection_fp"] >= 1


def test_a_class_that_is_nowhere_is_not_available_and_a_missed_one_is_zero() -> None:
    found, truth = maps()
    values = scored(np.zeros_like(found), truth, {"core": (1, 4), "cyst": (9,)})
    assert values["core", "dice"] == 0
    assert values["core", "recall"] == 0
    assert math.isnan(values["cyst", "dice"])


def test_floats_near_a_label_count_as_it() -> None:
    found, truth = maps()
    assert scored(found + 1e-4, truth - 1e-4, APART) == scored(found, truth, APART)


def test_labels_that_are_not_finite_are_refused() -> None:
    found, truth = maps()
    broken = found.astype(float)
    broken[0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="finite labels"):
        scored(broken, truth, APART)


def test_volumes_are_in_millilitres_inside_the_mask() -> None:
    _, truth = maps()
    half = np.zeros(truth.shape, dtype=bool)
    half[:12] = True
    scores = volumes_ml(truth, classes=APART, mask=half, spacing_mm=SPACING, case="case-1", method="truth")
    volumes = {score.region: score.value for score in scores}
    assert volumes["oedema"] == pytest.approx((6 * 6 * 5 - 27) * 1e-3)
    assert volumes["core"] == pytest.approx(27 * 1e-3)
