"""Scoring a comparison: the paper's SSIM of masked images against scikit-image, and what it hides."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling
from voxlate.errors import StoppedError
from voxlate.evaluation.cases import score_each, score_masked_images, score_volumes
from voxlate.evaluation.evidence import CaseEvidence, Evidence
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.scores import Score
from voxlate.progress import silent

Array = NDArray[Any]


@pytest.fixture
def comparison() -> Comparison:
    rng = np.random.default_rng(0)
    mask = np.zeros((24, 26, 20), bool)
    mask[3:21, 3:23, 3:17] = True
    truth = np.where(mask, rng.uniform(0.2, 0.8, mask.shape), 0)
    labels = np.zeros(mask.shape)
    labels[8:12, 9:14, 8:11] = 2
    methods = {
        name: np.where(mask, truth + rng.normal(0, sd, mask.shape), 0)
        for name, sd in (("identity", 0.5), ("model", 0.2))
    }
    return Comparison("case", truth, truth, methods, mask, labels, (1.0, 1.0, 1.0), "1", 1.0)


def test_an_evaluation_that_is_interrupted_says_what_is_kept(tmp_path: Path) -> None:
    image = tmp_path / "t1.nii"
    image.write_bytes(b"an image")
    cases = [Case(id=name, subject=name, paths={"t1": image}, attributes={}) for name in "abc"]

    def measure(case: Case) -> CaseEvidence:
        if case.id == "b":
            raise KeyboardInterrupt("SIGTERM")
        return CaseEvidence([Score(case.id, "foreground", "model", "mae", 0.1, "1")])

    evidence = Evidence(tmp_path / "evidence", "question")
    with pytest.raises(StoppedError, match=r"SIGTERM.*1 of 3 cases are scored and kept"):
        score_each(cases, measure=measure, report=silent, evidence=evidence)
    assert evidence.load(cases[0]) is not None
    with pytest.raises(KeyboardInterrupt):
        score_each(cases, measure=measure, report=silent)


def test_masked_ssim_is_that_of_scikit_image_on_masked_images(comparison: Comparison) -> None:
    assert comparison.labels is not None
    lesion = comparison.labels > 0
    for score in score_masked_images(comparison):
        masked = [np.where(lesion, image, 0.0) for image in (comparison.methods[score.method], comparison.truth)]
        _, similarity = structural_similarity(
            *masked, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )
        assert score.value == pytest.approx(similarity[comparison.mask].mean(), abs=1e-6)
        assert (score.region, score.metric, score.unit) == ("lesion", "ssim_masked_image", "1")


def test_masked_ssim_flatters(comparison: Comparison) -> None:
    masked = {score.method: score.value for score in score_masked_images(comparison)}
    honest = {
        score.method: score.value
        for score in score_volumes(comparison, Labelling({2: "oedema"}))
        if (score.region, score.metric) == ("lesion", "ssim")
    }
    assert honest["identity"] < 0.6
    assert masked["identity"] > 0.9
    assert masked["model"] > honest["model"]


def test_a_case_without_lesion_has_no_masked_ssim(comparison: Comparison) -> None:
    assert score_masked_images(replace(comparison, labels=None)) == []
    empty = score_masked_images(replace(comparison, labels=np.zeros(comparison.mask.shape)))
    assert [math.isnan(score.value) for score in empty] == [True, True]
