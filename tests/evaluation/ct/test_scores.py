"""What only CT is scored by: which rows there are, and that they say what they should."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from voxlate.cohort.labels.labelling import Labelling
from voxlate.evaluation.cases import score_volumes
from voxlate.evaluation.ct.density import Calibration
from voxlate.evaluation.ct.scores import _CRITERIA, score_ct, score_dose
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.scores import Score, find_metric
from voxlate.metrics import metrics_of

WATER = Calibration("a millimetre is a millimetre", (-1000.0, 1000.0), (0.0, 2.0))


@pytest.fixture
def comparison() -> Comparison:
    mask = np.zeros((30, 34, 20), dtype=bool)
    mask[4:26, 5:29, 3:17] = True
    truth = np.where(mask, 0.0, -1024.0)
    truth[4:6][mask[4:6]] = 1000.0
    truth[12:16, 12:16, 8:12] = -1000.0
    labels = np.zeros(mask.shape)
    labels[20:23, 20:24, 9:12] = 1
    brighter = np.where(mask, truth + 100, -1024.0)
    methods = {"identity": np.where(mask, 500.0, -1024.0), "lookup": brighter, "model": truth}
    return Comparison("c", truth, truth, methods, mask, labels, (2.0, 1.0, 3.0), "HU", 4095.0)


def _by_key(scores: list[Score]) -> dict[tuple[str, str, str], Score]:
    return {(score.method, score.region, score.metric): score for score in scores}


def test_every_method_has_every_metric_of_ct(comparison: Comparison) -> None:
    scores = score_ct(comparison)
    rows = {("foreground", name) for name in metrics_of("ct", "path")} | {("lesion", "wepl_centre")}
    assert {(score.method, score.region, score.metric) for score in scores} == {
        (method, *row) for method in comparison.methods for row in rows
    }
    assert {score.metric: score.unit for score in scores} == {
        "bone_dice": "1",
        "psnr_synthrad": "dB",
        "ms_ssim_synthrad": "1",
        **dict.fromkeys(metrics_of("path"), "mm"),
    }
    assert all(find_metric(score.metric).title for score in scores)


def test_the_truth_scores_perfectly(comparison: Comparison) -> None:
    scores = {name[1:]: score.value for name, score in _by_key(score_ct(comparison)).items() if name[0] == "model"}
    assert scores["foreground", "bone_dice"] == 1
    assert scores["foreground", "psnr_synthrad"] == math.inf
    assert scores["foreground", "ms_ssim_synthrad"] == pytest.approx(1)
    assert {value for (_, metric), value in scores.items() if metric in metrics_of("path")} == {0}


def test_a_tenth_more_density_is_a_tenth_more_path(comparison: Comparison) -> None:
    """100 HU are 0.1 of water's density: 24 mm from front to back become 2.4 mm more, 44 mm across 4.4 mm more."""
    scores = _by_key(score_ct(comparison, WATER))
    bone = 4.0  # two voxels of 2 mm, where the table ends at 1000 HU
    assert scores["lookup", "foreground", "wepl_lr"].value == pytest.approx(0.1 * (44 - bone))
    across = np.full((22, 1), 2.4)
    across[:2] = 0.0
    assert scores["lookup", "foreground", "wepl_ap"].value == pytest.approx(across.mean())
    nearest, farthest = 0.1 * 4.5, 0.1 * math.hypot(44, 24)
    assert nearest < scores["lookup", "lesion", "wepl_centre"].value < farthest


def test_air_bone_and_soft_tissue_are_regions_of_the_true_ct(comparison: Comparison) -> None:
    scores = _by_key(score_volumes(comparison, Labelling({})))
    regions = list(dict.fromkeys(region for _, region, _ in scores))
    assert regions == ["foreground", "lesion", "air", "soft tissue", "bone"]
    assert {metric for _, region, metric in scores if region == "bone"} == set(metrics_of("voxelwise"))
    maes = {region: scores["identity", region, "mae"].value for region in regions}
    assert maes["air"] == pytest.approx(1500)
    assert (maes["soft tissue"], maes["bone"]) == (500, 500)
    bone = comparison.truth > 250
    assert bone.sum() == 2 * 24 * 14


def test_a_prediction_that_is_not_finite_has_no_score(comparison: Comparison) -> None:
    broken = comparison.truth.copy()
    broken[10, 10, 10] = math.nan
    scores = _by_key(score_ct(replace(comparison, methods={"model": broken})))
    values = {key[1:]: score.value for key, score in scores.items()}
    assert math.isnan(values["foreground", "bone_dice"])
    assert math.isnan(values["foreground", "wepl_ap"])


@pytest.mark.parametrize("labels", [None, np.zeros((30, 34, 20))])
def test_without_a_lesion_its_depth_is_not_available(comparison: Comparison, labels: Any) -> None:
    scores = _by_key(score_ct(replace(comparison, labels=labels)))
    assert ("model", "lesion", "wepl_centre") in scores or labels is None
    if labels is not None:
        assert math.isnan(scores["model", "lesion", "wepl_centre"].value)
    assert scores["model", "foreground", "wepl_centre"].value == 0


def test_mr_has_none_of_it(comparison: Comparison) -> None:
    mr = replace(comparison, unit="1", data_range=1.0)
    assert score_ct(mr) == []
    assert score_dose(mr) == []
    assert {score.region for score in score_volumes(mr, Labelling({}))} == {"foreground", "lesion"}


def test_every_method_has_every_gamma_pass_rate(comparison: Comparison) -> None:
    pytest.importorskip("pymedphys", reason="no pymedphys: pip install 'voxlate[gamma]'")
    assert _CRITERIA.keys() == metrics_of("dose").keys()
    scores = _by_key(score_dose(comparison, WATER))
    assert scores.keys() == {(m, "foreground", name) for m in comparison.methods for name in metrics_of("dose")}
    assert {score.unit for score in scores.values()} == {"%"}
    assert all(find_metric(name).better == "higher" for name in metrics_of("dose"))
    for name in metrics_of("dose"):
        assert scores["model", "foreground", name].value == 100
    strict, loose = (scores["identity", "foreground", name].value for name in ("gamma_2_2", "gamma_3_3"))
    assert 0 <= strict < loose < 90  # half more water over 12 to 22 mm: 3 to 5 % less dose
    assert scores["lookup", "foreground", "gamma_3_3"].value == 100  # a tenth more water: 1 % less dose


def test_a_prediction_that_is_not_finite_has_no_gamma(comparison: Comparison) -> None:
    pytest.importorskip("pymedphys", reason="no pymedphys: pip install 'voxlate[gamma]'")
    broken = comparison.truth.copy()
    broken[10, 10, 10] = math.nan
    scores = score_dose(replace(comparison, methods={"model": broken, "identity": comparison.truth}))
    values = {(score.method, score.metric): score.value for score in scores}
    assert math.isnan(values["model", "gamma_2_2"])
    assert values["identity", "gamma_2_2"] == 100
