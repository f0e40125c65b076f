"""Single images from Python: ``read`` and ``score``, and what a call of ``train`` without a recipe asks for."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import voxlate
from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError, UsageError
from voxlate.evaluation.words import interval_words, number
from voxlate.verbs.train import _asked_for, _new_run
from voxlate.workflows.result import Result, Tabled

_SHAPE = (12, 10, 9)


def _volume(array: np.ndarray, contrast: str = "t2", *, spacing: float = 2.0) -> voxlate.Volume:
    affine = np.diag([-spacing, spacing, spacing, 1.0])
    return voxlate.Volume(array, affine, contrast=get_contrast(contrast))


@pytest.fixture
def truth() -> np.ndarray:
    array = np.zeros(_SHAPE)
    array[2:10, 2:8, 2:7] = 100 + 20 * np.random.default_rng(0).standard_normal((8, 6, 5))
    return array


def test_a_file_shows_what_its_name_says(tmp_path: Path, truth: np.ndarray) -> None:
    path = voxlate.write_volume(_volume(truth), tmp_path / "sub-01_T1w.nii.gz")
    shown = [voxlate.read(path), voxlate.read(path, contrast="flair"), voxlate.read(_volume(truth))]
    assert [volume.contrast.name for volume in shown if volume.contrast] == ["t1", "flair", "t2"]
    assert voxlate.read((truth, np.eye(4))).contrast is None


def test_scores_are_named_and_have_units(truth: np.ndarray) -> None:
    prediction, mask = truth + 3, truth > 0
    found = voxlate.score(_volume(prediction), _volume(truth), mask=_volume(mask))
    assert found["mae"] == pytest.approx(3)
    assert found["mse"] == pytest.approx(9)
    assert found.data_range == pytest.approx(float(np.subtract(*np.percentile(truth[mask], (99.5, 0.5)))))
    assert found["psnr"] == pytest.approx(10 * np.log10(found.data_range**2 / 9))
    assert ("mask", "MAE", "3.00", "a.u.", "lower") in found.rows
    assert {"rmse", "ssim", "ncc"} <= set(found)
    assert repr(found).startswith("Scores(MAE 3.00 a.u., ")
    assert "the given mask" in found._repr_html_()


def test_the_foreground_counts_where_no_mask_is_given(truth: np.ndarray) -> None:
    found = voxlate.score(_volume(truth + 3 * (truth != 0)), _volume(truth))
    assert found["mae"] > 2, "air, which is easily right, is not counted"
    assert "foreground by the rule nonzero" in found.counted
    assert voxlate.score(truth, truth)["mae"] == 0, "plain arrays"


def test_the_same_place_in_another_axis_order_is_the_same_grid(truth: np.ndarray) -> None:
    turned = _volume(truth).affine @ np.array([[-1, 0, 0, _SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    other = voxlate.Volume(truth[::-1], turned, contrast=get_contrast("t2"))
    assert voxlate.score(other, _volume(truth))["mae"] == 0


def test_hounsfield_units_have_their_range_and_metrics() -> None:
    body = np.full(_SHAPE, -1000.0)
    body[2:10, 2:8, 2:7] = np.where(np.random.default_rng(0).random((8, 6, 5)) > 0.5, 40.0, 400.0)
    found = voxlate.score(
        _volume(body + 10, "ct"), _volume(body, "ct"), mask=body > -500
    )  # a plain array: on their grid
    assert (found.data_range, found["bone_dice"]) == (4095, 1)
    assert ("mask", "MAE", "10.0", "HU", "lower") in found.rows


def test_label_maps_are_scored_class_by_class() -> None:
    labels = np.zeros(_SHAPE, np.uint8)
    labels[2:6, 2:6, 2:6], labels[7:10, 2:6, 2:6] = 1, 2
    moved = np.roll(labels, 1, axis=1)
    found = voxlate.score(_volume(moved, "labels"), _volume(labels, "labels"))
    assert [row[0] for row in found.rows if row[1] == "Dice"] == ["label 1", "label 2", "any label"]
    assert found["dice"] == pytest.approx(0.75)
    assert found["hd95"] == pytest.approx(2.0), "in mm, of voxels of 2 mm"
    assert found.data_range is None


def test_what_cannot_be_compared_is_refused(truth: np.ndarray) -> None:
    here = _volume(truth)
    with pytest.raises(GeometryError, match="the truth's grid"):
        voxlate.score(_volume(truth, spacing=1.0), here)
    with pytest.raises(GeometryError, match="the mask: expected the truth's grid"):
        voxlate.score(here, here, mask=_volume(truth > 0, spacing=1.0))
    with pytest.raises(GeometryError, match=r"got \(2, 10, 9\)"):
        voxlate.score(truth[:2], here)
    with pytest.raises(UsageError, match="two images or two label maps"):
        voxlate.score(_volume((truth > 0).astype(np.uint8), "labels"), here)
    with pytest.raises(UsageError, match="a mask with voxels"):
        voxlate.score(here, here, mask=_volume(truth < -1000))


def test_a_cell_knows_its_number() -> None:
    cell = number(0.123456789, metric="mae")
    assert (cell, float(cell), pickle.loads(pickle.dumps(cell)).value) == ("0.123", 0.123456789, 0.123456789)
    assert np.isnan(float(number(None)))
    assert interval_words((1.00001, 2.00002)) == "1.00 to 2.00"


def test_a_table_goes_to_pandas_with_all_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [
        ("foreground", number(0.123456789), interval_words((0.1000001, 0.2)), "6"),
        ("lesion", "", "", "0"),
        ("labels", number(136.47, metric="mae"), "", "6"),
    ]
    found = Result("It is so.", tmp_path / "report.html", ("region", "mean", "95 % interval", "n"), rows)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        found.to_pandas()
    stand_in = ModuleType("pandas")
    stand_in.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    columns = found.to_pandas()
    assert list(columns) == ["region", "mean", "95 % interval, low", "95 % interval, high", "n"]
    assert (columns["mean"][0], columns["95 % interval, low"][0], columns["n"]) == (0.123456789, 0.1000001, [6, 0, 6])
    assert (rows[2][1], columns["mean"][2]) == ("136", 136.47), "what looks like a whole number is none"
    assert np.isnan([columns["mean"][1], columns["95 % interval, high"][1]]).all()
    assert "<p>It is so.</p>" in found._repr_html_()
    assert isinstance(found, Tabled)


def test_a_result_shows_the_figures_beside_its_page(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "lesions.png").write_bytes(b"\x89PNG")
    found = Result("", tmp_path / "report.html", (), [])
    assert found.out == tmp_path
    assert found.figure()._repr_png_() == found.figure("lesions")._repr_png_() == b"\x89PNG"
    with pytest.raises(UsageError, match="a figure among lesions, got 'slopes'"):
        found.figure("slopes")


def test_a_call_without_a_recipe_says_what_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = _asked_for(None, {"source": ["t1", "flair"], "target": "t2", "minutes": 5}, tmp_path)
    assert (asked.name, asked.source, asked.target, asked.training.minutes) == (
        "translate-default",
        ("t1", "flair"),
        "t2",
        5,
    )
    kinds = {"t2": "unet", "ct": "unet", "labels": "residual_encoder_unet"}
    for target, network in kinds.items():
        found = _asked_for(None, {"source": "t1", "target": target}, tmp_path)
        assert found.value_of("method.network.name") == network
    named = _asked_for("zhao-unet-3d", {"source": "t1", "overrides": {"training.steps": 3}}, tmp_path)
    assert (named.source, named.training.steps, named.name) == (("t1",), 3, "zhao-unet-3d")
    with pytest.raises(UsageError, match="no recipe and no target"):
        _asked_for(None, {"source": "t1"}, tmp_path)
    first = _new_run(asked)
    first.mkdir(parents=True)
    assert [first, _new_run(asked)] == [Path("runs/t1-flair-to-t2"), Path("runs/t1-flair-to-t2-2")]
