"""A truth that is the prediction is named before any number; a good prediction is not."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

import voxlate
from voxlate.cohort import index_cohort
from voxlate.evaluation.copied import is_copied_image, is_copied_map, say_copied
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.segmentation.cases import Segmented
from voxlate.workflows.result import Result

NOISE = np.random.default_rng(3).normal(size=(12, 13, 14))


def _comparison(prediction: np.ndarray, truth: np.ndarray) -> Comparison:
    return Comparison(
        case_id="a",
        source=truth,
        truth=truth,
        methods={"lookup": truth, "model": prediction},
        mask=np.ones(truth.shape, dtype=np.bool_),
        labels=None,
        spacing_mm=(1.0, 1.0, 1.0),
        unit="1",
        data_range=1.0,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: 3 * x - 7,
        lambda x: x.astype(np.float16),
        lambda x: np.rint(x * 1000),
        lambda x: x + 1e-5 * NOISE[::-1],
    ],
    ids=["itself", "scaled", "half", "whole numbers", "rounding"],
)
def test_the_prediction_as_truth_is_found(make) -> None:  # noqa: ANN001
    assert is_copied_image(_comparison(NOISE, make(NOISE)))


@pytest.mark.parametrize("error", [0.01, 0.1, 1.0])
def test_a_good_prediction_is_none(error: float) -> None:
    assert not is_copied_image(_comparison(NOISE, NOISE + error * NOISE[::-1, ::-1]))


def test_a_constant_truth_is_none() -> None:
    assert not is_copied_image(_comparison(0 * NOISE, 0 * NOISE))


def test_a_label_map_is_copied_voxel_for_voxel() -> None:
    truth = (NOISE > 1).astype(np.uint8)
    one_off = truth.copy()
    one_off[0, 0, 0] ^= 1
    maps = {"same": truth, "one off": one_off, "empty": 0 * truth}
    found = {
        name: is_copied_map(Segmented("a", NOISE, 0 * truth if name == "empty" else truth, {"model": one}, (1, 1, 1)))
        for name, one in maps.items()
    }
    assert found == {"same": True, "one off": False, "empty": False}


def test_the_sentence_names_the_cases() -> None:
    assert say_copied([], of=3) == ""
    assert "2 of 3 cases (a, b)" in say_copied(["a", "b"], of=3)


def test_an_evaluation_against_the_models_own_images_says_so(
    trained: Path, phantom_cohort: Path, evaluated_run: Result, tmp_path: Path
) -> None:
    """The mark is lost on the way: only the values tell."""
    case = index_cohort(phantom_cohort).cases[0]
    folder = tmp_path / "data" / case.id
    folder.mkdir(parents=True)
    voxlate.translate(trained, case.paths["t1"], out=tmp_path / "made.nii.gz")
    for name, path in {"t1": case.paths["t1"], "t2": tmp_path / "made.nii.gz"}.items():
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), folder / f"{name}.nii.gz")
    result = voxlate.evaluate(trained, tmp_path / "data", out=tmp_path / "scores", split="all")
    assert "is the prediction itself" in result.sentence
    assert "is the prediction itself" in (tmp_path / "scores" / "report.html").read_text()
    assert "is the prediction itself" not in evaluated_run.sentence
