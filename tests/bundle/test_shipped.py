"""The model that comes with the program: shipped in half precision, taken where none is named, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shipping
import torch
from shipping import say_measured, ship

import voxlate
from tests.program import run_here
from voxlate.bundle import shipped as place
from voxlate.bundle.bundle import read_bundle
from voxlate.bundle.shipped import default_model
from voxlate.errors import ReadError, UsageError, WriteError
from voxlate.inference.model import load_model
from voxlate.io import file_digest, read_volume, write_volume
from voxlate.io.provenance import Provenance
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

TINY = {
    "source": ["t1", "t2"],
    "plan.mask": "each",
    "plan.normalise": {"t1": "brain", "t2": "brain"},
    "window.neighbours": 0,
    "method.network": {"name": "unet", "channels": [4, 8], "normalise": "instance"},
    "training.epochs": None,
    "training.steps": 2,
    "training.batch_size": 2,
    "training.repeat": {"*-00001-*": 3},
    "training.precision": "fp32",
}


@pytest.fixture(scope="module")
def run(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("any-to-any", overrides=TINY)
    return train_run(phantom_cohort, recipe, tmp_path_factory.mktemp("head") / "run").folder


@pytest.fixture
def shipped(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model where the program looks for the one that comes with it."""
    folder = ship(read_bundle(run), tmp_path / "shipped", learned_from="Heads.")
    monkeypatch.setattr(place, "_FOLDER", folder)
    return folder


@pytest.fixture
def nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_FOLDER", tmp_path / "nothing")


@pytest.fixture
def scan(phantom_cohort: Path) -> Path:
    return phantom_cohort / "Phantom-00001-000" / "Phantom-00001-000-t1n.nii.gz"


def test_half_precision_is_read_as_single_and_predicts_the_same(shipped: Path, run: Path, scan: Path) -> None:
    assert {one.dtype for one in read_bundle(shipped).weights().values() if one.is_floating_point()} == {torch.float16}
    source = {"t1": read_volume(scan)}
    small, full = (model.translate(source, target="t2") for model in (load_model(), load_model(run)))
    assert small.array.dtype == np.float32
    span = float(np.ptp(full.array))
    assert 0 < np.abs(small.array - full.array).max() < 0.01 * span
    assert shipped.joinpath("weights.safetensors").stat().st_size < 0.6 * sum(
        path.stat().st_size for path in (run / "bundle").glob("weights*")
    )


def test_what_was_seen_is_shipped_too(shipped: Path, run: Path) -> None:
    small, full = read_bundle(shipped), read_bundle(run)
    assert (small.seen, small.seen_voxels) == (full.seen, full.seen_voxels)
    assert len(small.sketches) == len(full.sketches) > 0
    assert "## What it learned from\n\nHeads." in (shipped / "MODEL_CARD.md").read_text()


def test_the_card_says_how_good_it_is_on_real_scans_and_where_it_fails(tmp_path: Path) -> None:
    head, tables = "case,question,region,identity,lookup,model\n", {}
    for name, good in (("renderings", "0.3"), ("both", "0.1")):
        tables[name] = tmp_path / f"{name}.csv"
        tables[name].write_text(f"{head}a,t1>t2,foreground,0.2,0.15,{good}\na,t1>flair,lesion,0.2,0.15,0.16\n")
    card = say_measured(tables)
    assert "| a | T1 to T2 | foreground | 0.2 | 0.15 | 0.3 | 0.1 |" in card
    assert "no better than a baseline in 1 of them: a, T1 to FLAIR, lesion." in card
    assert say_measured({}) == ""


def test_a_model_that_is_too_large_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LIMIT_BYTES", 1000)
    with pytest.raises(WriteError, match="at most"):
        ship(read_bundle(run), tmp_path / "large")


def test_one_file_needs_no_model_and_gets_a_picture(shipped: Path, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "t2.nii.gz"
    ended = run_here("translate", scan, "--target", "t2", "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert out.is_file()
    assert out.with_name("t2.png").read_bytes().startswith(b"\x89PNG")
    bare = run_here("translate", scan, "--target", "t2", "--out", tmp_path / "bare.nii.gz", "--no-picture")
    assert bare.returncode == 0, bare.stderr
    assert not (tmp_path / "bare.png").exists()


def test_a_name_that_tells_nothing_is_asked_about(shipped: Path, scan: Path, tmp_path: Path) -> None:
    unknown = tmp_path / "scan.nii.gz"
    unknown.write_bytes(scan.read_bytes())
    with pytest.raises(UsageError, match="--as t1"):
        voxlate.translate(None, unknown, target="t2", out=tmp_path / "t2.nii.gz")
    voxlate.translate(None, unknown, target="t2", shows="t1", out=tmp_path / "t2.nii.gz")
    assert not (tmp_path / "t2.png").exists()  # in Python it is asked for


def test_a_target_that_it_lacks_is_refused(shipped: Path, scan: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^any-to-any: .*t1 or t2.*'ct'.*train SCANS --target ct"):
        voxlate.translate(None, scan, target="ct", out=tmp_path / "ct.nii.gz")


def test_a_scan_of_what_it_does_not_take_is_not_asked_to_be_called_otherwise(
    shipped: Path, scan: Path, tmp_path: Path
) -> None:
    ct = tmp_path / "p1_CT.nii.gz"
    ct.write_bytes(scan.read_bytes())
    with pytest.raises(UsageError, match=r"got one of CT\. Use a model that takes CT; if it shows another: --as t1"):
        voxlate.translate(None, ct, target="t2", out=tmp_path / "t2.nii.gz")


def test_a_scan_in_the_place_of_the_model_is_told_how_to_type_it(shipped: Path, scan: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"{scan}: .*got a scan.*voxlate translate {scan} --target t2 --out"):
        voxlate.translate(scan, "T2w", out=tmp_path / "t2.nii.gz")
    with pytest.raises(UsageError, match=rf"voxlate translate {shipped} {scan} --out"):
        voxlate.translate(scan, shipped, out=tmp_path / "t2.nii.gz")


@pytest.mark.parametrize("cut", [(slice(None), slice(None), slice(20, 21)), (slice(16, 22),) * 3])
def test_what_is_no_head_is_refused(shipped: Path, scan: Path, tmp_path: Path, cut: tuple[slice, ...]) -> None:
    whole, piece = read_volume(scan), tmp_path / "knee_T1w.nii.gz"
    write_volume(
        Volume(whole.array[cut], whole.affine), piece, provenance=Provenance(synthetic=True, target="t1", unit="1")
    )
    with pytest.raises(ReadError, match=r"a head.*mm.*whole volume"):
        voxlate.translate(None, piece, target="t2", out=tmp_path / "t2.nii.gz")


def test_several_images_in_a_file_are_refused(shipped: Path, scan: Path, tmp_path: Path) -> None:
    import nibabel as nib

    image = nib.nifti1.load(scan)
    path = tmp_path / "series_T1w.nii.gz"
    nib.nifti1.Nifti1Image(np.stack([np.asarray(image.dataobj)] * 2, axis=-1), image.affine).to_filename(path)
    with pytest.raises(ReadError, match="one 3-D image"):
        voxlate.translate(None, path, target="t2", out=tmp_path / "t2.nii.gz")


def test_without_one_it_says_what_to_do(nothing_shipped: None, scan: Path, tmp_path: Path) -> None:
    for call in (default_model, load_model, lambda: voxlate.translate(None, scan, target="t2", out=tmp_path)):
        with pytest.raises(UsageError, match=r"none comes with this installation.*MODEL INPUT"):
            call()
    assert voxlate.info()["default_model"].startswith("none")


def test_one_comes_with_the_program_and_says_what_it_has_seen(real_data: Path) -> None:
    model = load_model()
    assert (model.bundle.recipe.wanted, model.bundle.recipe.training.start) == (
        ("t1", "t1c", "t2", "flair", "pd"),
        None,
    )
    assert sum(path.stat().st_size for path in model.bundle.folder.iterdir()) < 16_000_000
    assert "It is no better than a baseline in 3" in model.bundle.folder.joinpath("MODEL_CARD.md").read_text()
    files = {name: real_data / "open_ms" / name / "T1.nii.gz" for name in ("patient19", "patient26")}
    assert [file_digest(path) in model.bundle.seen for path in files.values()] == [True, False]


def test_it_makes_a_t2_that_is_nearer_than_the_t1_of_a_patient_whom_it_has_not_seen(real_data: Path) -> None:
    t1, t2 = (read_volume(real_data / "open_ms" / "patient26" / f"{name}.nii.gz") for name in ("T1", "T2"))
    middle = (slice(None), slice(None), slice(60, 120))
    affine = t1.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([0, 0, 60])
    source = Volume(np.ascontiguousarray(t1.array[middle]), affine)
    made, truth = load_model().translate({"t1": source}, target="t2").array, t2.array[middle]
    inside = (source.array > 0) & (truth > 0)
    rank = {name: np.corrcoef(one[inside], truth[inside])[0, 1] for name, one in (("made", made), ("t1", source.array))}
    assert rank["made"] > 0.6 > rank["t1"]


def test_info_names_it(shipped: Path) -> None:
    assert voxlate.info()["default_model"] == "any-to-any: any of t1, t2 from any of t1, t2"
    assert repr(load_model()).startswith("Model(t1, t2 to t1 or t2, ")


def test_a_model_alone_is_no_input(shipped: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a model alone"):
        voxlate.translate(None, run, out=tmp_path / "x.nii.gz")
