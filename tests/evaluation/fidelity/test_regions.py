"""Scores of a case by region."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from voxlate.errors import UsageError
from voxlate.evaluation import Score, label_regions, score_case, score_slices
from voxlate.metrics import metrics_of, ssim_map

SHAPE = (40, 44, 30)
VOXELWISE = metrics_of("voxelwise")


@pytest.fixture
def head() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prediction, truth, foreground and labels of a ball with two lesions."""
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij", sparse=True)
    mask = axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2 < 0.6
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[15:20, 15:20, 12:16] = 1
    labels[20:24, 15:20, 12:16] = 4
    truth = gaussian_filter(rng.random(SHAPE), 1) * mask
    return (truth + rng.normal(0, 0.05, SHAPE)) * mask, truth, mask, labels


def _score(head: tuple[np.ndarray, ...], **options: object) -> dict[tuple[str, str], Score]:
    prediction, truth, mask, labels = head
    given: dict = {"regions": label_regions(labels), "data_range": 1.0, "unit": "1", "case": "c1", "method": "model"}
    found = score_case(prediction, truth, mask=mask, **{**given, **options})
    return {(score.region, score.metric): score for score in found}


def test_every_metric_in_every_region_equals_the_metric_on_the_whole_volume(
    head: tuple[np.ndarray, ...],
) -> None:
    prediction, truth, mask, labels = head
    regions = {"foreground": mask, "lesion": labels > 0, "label 1": labels == 1, "label 4": labels == 4}
    scores = _score(head)
    assert set(scores) == {(region, metric) for region in regions for metric in VOXELWISE}
    for (region, metric), score in scores.items():
        expected = VOXELWISE[metric](prediction, truth, mask=regions[region], data_range=1.0)
        assert score.value == pytest.approx(expected, rel=1e-9), (region, metric)
        assert (score.case, score.method) == ("c1", "model")


def test_similarity_of_a_region_is_the_mean_of_the_map_there(head: tuple[np.ndarray, ...]) -> None:
    prediction, truth, _, labels = head
    everywhere = ssim_map(prediction, truth, mask=np.ones(SHAPE, dtype=bool), data_range=1.0)
    assert _score(head)["label 4", "ssim"].value == pytest.approx(everywhere[labels == 4].mean(), abs=1e-10)


def test_what_lies_beyond_a_region_reaches_its_similarity_as_in_the_whole_volume() -> None:
    rng = np.random.default_rng(4)
    prediction, truth = rng.random(SHAPE), rng.random(SHAPE)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[9:15, 20:31, 8:20] = True
    scores = score_case(prediction, truth, mask=mask, data_range=1.0, unit="1", case="c", method="model")
    found = next(score.value for score in scores if score.metric == "ssim")
    assert found == pytest.approx(VOXELWISE["ssim"](prediction, truth, mask=mask, data_range=1.0), rel=1e-12)


def test_an_empty_region_is_not_available_and_named(head: tuple[np.ndarray, ...]) -> None:
    scores = _score(head, regions={"label 2": np.zeros(SHAPE, dtype=bool)})
    assert all(math.isnan(scores["label 2", metric].value) for metric in VOXELWISE)
    assert all(math.isfinite(scores["foreground", metric].value) for metric in VOXELWISE)


def test_an_empty_foreground_is_not_available(head: tuple[np.ndarray, ...]) -> None:
    prediction, truth, mask, _ = head
    found = score_case(prediction, truth, mask=np.zeros_like(mask), data_range=1.0, unit="1", case="c", method="model")
    assert [score.metric for score in found] == list(VOXELWISE)
    assert all(math.isnan(score.value) for score in found)


def test_units_follow_the_image(head: tuple[np.ndarray, ...]) -> None:
    scores = _score(head, unit="HU", data_range=4095.0)
    units = {metric: scores["foreground", metric].unit for metric in VOXELWISE}
    assert units == {metric: VOXELWISE[metric].unit("HU") for metric in VOXELWISE}
    assert units.items() >= {"mae": "HU", "mse": "HU²", "rmse": "HU", "psnr": "dB", "ssim": "1", "ncc": "1"}.items()


def test_background_passed_off_as_foreground_is_refused(head: tuple[np.ndarray, ...]) -> None:
    prediction, truth, _, _ = head
    everywhere = np.ones(SHAPE, dtype=bool)
    options = {"mask": everywhere, "data_range": 1.0, "unit": "1", "case": "c7", "method": "model"}
    with pytest.raises(UsageError, match=r"c7.*constant background"):
        score_case(prediction, truth, **options)
    full = np.random.default_rng(0).random(SHAPE)
    assert len(score_case(full, full + 0.1, **options)) == len(VOXELWISE)


@pytest.mark.parametrize("name", ["foreground", "whole slices"])
def test_reserved_names_are_refused(head: tuple[np.ndarray, ...], name: str) -> None:
    with pytest.raises(UsageError, match="Rename"):
        _score(head, regions={name: np.ones(SHAPE, dtype=bool)})


def test_a_region_of_another_shape_is_refused(head: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(UsageError, match="one shape"):
        _score(head, regions={"lesion": np.ones((2, 2, 2), dtype=bool)})


def test_label_regions_name_what_a_case_lacks() -> None:
    labels = np.zeros((3, 3, 3))
    labels[0, 0, 0], labels[1, 1, 1] = 1.0, 3.0
    assert list(label_regions(labels)) == ["lesion", "label 1", "label 3"]
    named = label_regions(labels, names={1: "necrosis", 2: "oedema"}, union=None)
    assert list(named) == ["necrosis", "oedema"]
    assert named["necrosis"].sum() == 1
    assert not named["oedema"].any()
    assert list(label_regions(labels == 1)) == ["lesion"]
    assert list(label_regions(labels == 1, union=None)) == ["label 1"]
    assert not label_regions(np.zeros((3, 3, 3)))["lesion"].any()


@pytest.mark.parametrize("value", [0.5, math.nan])
def test_labels_between_integers_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match="integer"):
        label_regions(np.full((2, 2, 2), value))


def test_slice_scores_give_both_readings_of_the_paper(head: tuple[np.ndarray, ...]) -> None:
    prediction, truth, mask, _ = head
    found = score_slices(prediction, truth, mask=mask, data_range=1.0, unit="1", case="c", method="model")
    scores = {(score.region, score.metric): score.value for score in found}
    assert set(scores) == {(r, m) for r in ("foreground", "whole slices") for m in metrics_of("slices")}
    held = [k for k in range(SHAPE[2]) if mask[..., k].any()]
    masked = [abs(prediction - truth)[..., k][mask[..., k]].mean() for k in held]
    whole = [abs(prediction - truth)[..., k].mean() for k in held]
    assert scores["foreground", "mae_slice_total"] == pytest.approx(sum(masked))
    assert scores["foreground", "mae_slice_average"] == pytest.approx(np.mean(masked))
    assert scores["whole slices", "mae_slice_total"] == pytest.approx(sum(whole))
    assert scores["whole slices", "mae_slice_average"] == pytest.approx(np.mean(whole))
    turned = [np.moveaxis(image, 2, 0) for image in (prediction, truth, mask)]
    again = score_slices(
        turned[0], turned[1], mask=turned[2], data_range=1.0, unit="1", case="c", method="model", axis=0
    )
    assert [score.value for score in again] == pytest.approx([score.value for score in found])
