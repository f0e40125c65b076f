"""MR to CT on real files from end to end: population averages, a brain atlas in another place, labels of an abdomen.

One case each, which trains and is scored: that the way is whole is shown, nothing about quality.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

import voxlate
from voxlate.contrast import get_contrast
from voxlate.evaluation import BASELINES
from voxlate.io import read_volume, write_volume
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

Scores = dict[tuple[str, str, str], float]
SHORT: dict[str, Any] = {
    "plan.spacing_mm": [6.0, 6.0, 6.0],
    "training.epochs": None,
    "training.steps": 60,
    "training.batch_size": 4,
    "training.learning_rate": 0.01,
    "training.validate_every": 30,
    "training.precision": "fp32",
}


def hounsfield(cormack: NDArray[Any]) -> NDArray[np.int16]:
    """HU from the Cormack units of Rorden et al. 2012, doi:10.1016/j.neuroimage.2012.03.020.

    From 900 to 3100 eleven units are one HU; below and above, one is one. Air, -1024 HU, is 0. By this the template's
    ventricles are at 1 HU and its white matter is at 20 HU.
    """
    return np.rint(cormack - 1024 - np.clip(cormack - 900, 0, 2200) * 10 / 11).astype(np.int16)


def thinned(path: Path, out: Path, contrast: str, *, step: int = 3) -> Path:
    """Every third voxel along each axis of a file, or every ``step``-th, as another."""
    image = read_volume(path)
    affine = image.affine @ np.diag([step, step, step, 1.0])
    kept = np.ascontiguousarray(image.array[::step, ::step, ::step])
    return write_volume(Volume(kept, affine, get_contrast(contrast)), out)


def manifest(path: Path, case: str, files: Mapping[str, Path]) -> Path:
    lines = [["case", *files], [case, *map(str, files.values())]]
    path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")
    return path


def train(data: Path, out: Path, *, recipe: str, source: Sequence[str], **settings: Any) -> Path:
    fields = {**SHORT, **{name.replace("__", "."): value for name, value in settings.items()}}
    return voxlate.train(data, recipe=resolve_recipe(recipe, source=source, target="ct", overrides=fields), out=out)


def scores(run: Path, data: Path, out: Path, *, baselines: Sequence[str] = BASELINES) -> tuple[Scores, str]:
    result = voxlate.evaluate(run, data, out=out, split="all")
    assert "training case" in result.sentence
    assert "do not say how it does on new cases" in (out / "report.html").read_text(encoding="utf-8")
    with (out / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    units = {row["unit"] for row in rows if row["metric"] == "mae"}
    assert units == {"HU"}
    found = {(row["method"], row["region"], row["metric"]): float(row["value"] or "nan") for row in rows}
    assert {method for method, _, _ in found} == {*baselines, "model"}
    for region in ("air", "soft tissue", "bone"):
        assert found["model", region, "mae"] >= 0
    for name in ("bone_dice", "psnr_synthrad", "ms_ssim_synthrad", "wepl_ap"):
        assert np.isfinite(found["model", "foreground", name])
    return found, result.sentence


def translated(run: Path, data: Path, out: Path, *, like: Path) -> NDArray[np.int16]:
    """The image that ``translate`` writes, once grid, range and sidecar are found right."""
    [outcome] = voxlate.translate(run, data, out=out)
    assert outcome.status == "done"
    [path] = out.rglob("*_ct.nii.gz")
    image, source = read_volume(path), read_volume(like)
    assert image.grid.matches(source.grid, tolerance_mm=1e-6)
    assert image.array.dtype == np.int16
    assert -1024 <= image.array.min() < -900
    assert image.array.max() <= 3071
    told = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text(encoding="utf-8"))
    assert (told["synthetic"], told["target"], told["unit"]) == (True, "ct", "HU")
    assert told["warning"] == "not for diagnostic use"
    return image.array


@pytest.fixture(scope="module")
def averages(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T1, T2 and PD of SPM and the CT average in HU at 6 mm, and a manifest beside them."""
    folder = tmp_path_factory.mktemp("averages")
    template = read_volume(real_data / "scct" / "scct.nii")
    write_volume(Volume(hounsfield(template.array), template.affine, get_contrast("ct")), folder / "fine.nii.gz")
    found = {name: real_data / "spm12_templates" / f"avg152{name.upper()}.nii" for name in ("t1", "t2", "pd")}
    fine = {**found, "ct": folder / "fine.nii.gz"}
    files = {name: thinned(path, folder / f"{name}.nii.gz", name) for name, path in fine.items()}
    return manifest(folder / "averages.csv", "average", files)


def test_the_template_in_hounsfield_units_has_tissues_where_they_belong(averages: Path) -> None:
    found = voxlate.check(averages)
    assert (found.errors, found.warnings) == (0, 0)
    ct = read_volume(averages.parent / "ct.nii.gz").array
    t1, t2 = (read_volume(averages.parent / f"{name}.nii.gz").array for name in ("t1", "t2"))
    head = (ct > -100) & (ct < 150)
    assert -10 < np.median(ct[head & (t2 > 0.75)]) < 15  # the ventricles
    assert 15 < np.median(ct[head & (t1 > 0.68)]) < 40  # white matter
    assert 400 < ct.max() < 2000
    assert ct.min() == -1024


def test_a_unet_of_slices(averages: Path, tmp_path: Path) -> None:
    run = train(
        averages, tmp_path / "run", recipe="zhao-unet-2d", source=["t1"], **{"method.network.channels": [8, 16, 32]}
    )
    image = translated(run, averages, tmp_path / "translated", like=averages.parent / "t1.nii.gz")
    truth = read_volume(averages.parent / "ct.nii.gz").array
    inside = image != -1024
    assert 0.45 < inside.mean() < 0.6  # a head
    assert np.abs(image[inside] - truth[inside].astype(float)).mean() < 250
    found, sentence = scores(run, averages, tmp_path / "evaluation")
    assert found["model", "foreground", "mae"] < found["identity", "foreground", "mae"]
    assert "one training case" in sentence


def test_a_unet_of_patches_from_two_contrasts(averages: Path, tmp_path: Path) -> None:
    run = train(
        averages,
        tmp_path / "run",
        recipe="zhao-unet-3d",
        source=["t1", "pd"],
        **{
            "method.network.channels": [4, 8],
            "window.kind": "patches",
            "window.size": [32, 32, 32],
            "window.overlap": 0.25,
            "training.batch_size": 1,
            "training.steps": 20,
            "training.validate_every": 20,
        },
    )
    found, _ = scores(run, averages, tmp_path / "evaluation")
    assert found["model", "foreground", "mae"] < found["identity", "foreground", "mae"]


def test_an_image_analogy(averages: Path, tmp_path: Path) -> None:
    """It is asked for slices that are among its exemplars, and has to find them."""
    small = {"method.exemplars": 4, "method.levels": 2, "training.steps": 1}
    run = train(averages, tmp_path / "run", recipe="zhao-image-analogy", source=["t1"], **small)
    found, _ = scores(run, averages, tmp_path / "evaluation")
    assert found["model", "foreground", "mae"] < found["identity", "foreground", "mae"]


@pytest.mark.usefixtures("coarse_reconstructions")
def test_a_style_transfer(averages: Path, tmp_path: Path) -> None:
    small = {
        "method.steps": 3,
        "method.exemplars": 2,
        "method.features.width": 4,
        "method.features.steps": 10,
        "training.steps": 1,
    }
    run = train(averages, tmp_path / "run", recipe="zhao-style-transfer", source=["t1"], **small)
    found, _ = scores(run, averages, tmp_path / "evaluation")
    assert found["model", "foreground", "mae"] < found["identity", "foreground", "mae"]


def test_a_ct_1_2_m_away_is_registered_and_learned_from(real_data: Path, tmp_path: Path) -> None:
    """The brain atlas of TotalSegmentator to SPM's T1: nobody's pair, but the same organ."""
    atlas_1mm = real_data / "totalsegmentator" / "ct_brain_atlas_1mm.nii.gz"
    files = {
        "t1": thinned(real_data / "spm12_templates" / "avg152T1.nii", tmp_path / "t1.nii.gz", "t1", step=2),
        "ct": thinned(atlas_1mm, tmp_path / "ct.nii.gz", "ct", step=4),
    }
    data = manifest(tmp_path / "atlas.csv", "atlas", files)
    small = {"method.network.channels": [8, 16], "plan.grids": "rigid", "training.steps": 20}
    run = train(data, tmp_path / "run", recipe="zhao-unet-2d", source=["t1"], **small)
    assert (run / "figures" / "alignment.png").is_file()
    [path] = (run / "prepared").rglob("ct-*.tfm")
    x, y, z = sitk.ReadTransform(str(path)).TransformPoint((0.0, 0.0, 0.0))  # the anterior commissure, LPS mm
    atlas = read_volume(files["ct"])
    index = np.linalg.inv(atlas.affine) @ [-x, -y, z, 1]
    assert np.abs(index[:3] / atlas.shape - [0.5, 0.5, 0.5]).max() < 0.12  # in the middle of the brain
    assert (np.abs(atlas.array[tuple(np.rint(index[:3]).astype(int))] - 35) < 40).all()
    [told] = (run / "prepared").rglob("case.json")
    assert "mutual information 0.0000 before" in told.read_text(encoding="utf-8")
    translated(run, data, tmp_path / "translated", like=files["t1"])


def test_labels_to_ct_of_the_abdomen(real_data: Path, tmp_path: Path) -> None:
    files = {
        "labels": real_data / "totalsegmentator" / "example_seg.nii.gz",
        "ct": real_data / "totalsegmentator" / "example_ct_sm.nii.gz",
    }
    data = manifest(tmp_path / "abdomen.csv", "abdomen", files)
    finer = {"method.network.channels": [8, 16], "plan.spacing_mm": [4.0, 4.0, 4.0]}
    run = train(data, tmp_path / "run", recipe="zhao-unet-2d", source=["labels"], **finer)
    translated(run, data, tmp_path / "translated", like=files["labels"])
    found, _ = scores(run, data, tmp_path / "evaluation", baselines=["lookup"])  # label values are no intensities
    assert found["model", "foreground", "mae"] < found["lookup", "foreground", "mae"]
