"""Translation: grid, unit, mark and hashes of the output; reruns, failures, memory."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import voxlate
from voxlate.cohort import index_cohort
from voxlate.config.window import WindowOptions
from voxlate.errors import ReadError, TrainingError, UsageError, WriteError
from voxlate.inference.model import load_model
from voxlate.inference.predict import Predictor
from voxlate.io import file_digest, read_provenance, read_volume, write_volume
from voxlate.methods import Translator
from voxlate.preprocess.orientation import axis_codes


class Blur(Translator):
    """A translator that needs memory in proportion to its input, and has little."""

    divisor = 4

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sizes: list[int] = []

    def predict(self, source: torch.Tensor) -> torch.Tensor:
        if source.numel() > self.limit:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        self.sizes.append(source.numel())
        return source * 2


def scan(cohort: Path, name: str = "t1") -> Path:
    return index_cohort(cohort).cases[0].paths[name]


@pytest.fixture(scope="module")
def translated(trained: Path, phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("translated") / "t2.nii.gz"
    [outcome] = voxlate.translate(trained, scan(phantom_cohort), out=out)
    assert outcome.status == "done"
    return out


def test_the_output_lies_on_the_grid_of_its_source(translated: Path, phantom_cohort: Path) -> None:
    source, target = read_volume(scan(phantom_cohort)), read_volume(translated)
    assert target.grid.matches(source.grid, tolerance_mm=1e-6)
    assert target.array.dtype == np.float32
    assert np.isfinite(target.array).all()


def test_the_output_is_in_the_unit_of_its_target(translated: Path, phantom_cohort: Path) -> None:
    truth, target = read_volume(scan(phantom_cohort, "t2")), read_volume(translated)
    assert 0.2 < np.percentile(target.array, 99) / np.percentile(truth.array, 99) < 5


def test_the_output_is_marked_and_says_where_it_comes_from(
    translated: Path, phantom_cohort: Path, trained: Path
) -> None:
    provenance = read_provenance(translated)
    assert provenance is not None
    assert provenance.synthetic
    assert provenance.warning == "not for diagnostic use"
    assert provenance.sources[0].sha256 == file_digest(scan(phantom_cohort))
    assert provenance.model is not None
    assert provenance.model.digest == load_model(trained).bundle.digest
    assert provenance.output_sha256 == file_digest(translated)
    nibabel = pytest.importorskip("nibabel")
    assert b"synthetic" in bytes(nibabel.load(translated).header["descrip"])


def test_a_second_call_skips_and_a_changed_input_does_not(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "t1.nii.gz", tmp_path / "t2.nii.gz"
    shutil.copy(scan(phantom_cohort), source)
    assert [one.status for one in voxlate.translate(trained, source, out=out)] == ["done"]
    assert [one.status for one in voxlate.translate(trained, source, out=out)] == ["skipped"]
    volume = read_volume(source)
    write_volume(volume.with_array(volume.array * 1.5), source, overwrite=True)
    assert [one.status for one in voxlate.translate(trained, source, out=out)] == ["done"]
    content = bytearray(out.read_bytes())
    content[-20] ^= 1
    out.write_bytes(bytes(content))
    assert [one.status for one in voxlate.translate(trained, source, out=out)] == ["done"]


def test_a_foreign_file_is_not_replaced_unless_asked(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "precious.nii.gz"
    shutil.copy(scan(phantom_cohort, "t2"), out)
    before = out.read_bytes()
    with pytest.raises(WriteError, match="--overwrite"):
        voxlate.translate(trained, scan(phantom_cohort), out=out)
    assert out.read_bytes() == before
    assert [one.status for one in voxlate.translate(trained, scan(phantom_cohort), out=out, overwrite=True)] == ["done"]


def test_every_axis_order_gives_the_same_voxels_in_the_world(
    trained: Path, phantom_cohort: Path, translated: Path, tmp_path: Path
) -> None:
    source, reference = read_volume(scan(phantom_cohort)), read_volume(translated)
    flipped = source.array.transpose(1, 2, 0)[:, ::-1, ::-1]
    turn = np.array(
        [[0, 0, -1, source.shape[0] - 1], [1, 0, 0, 0], [0, -1, 0, source.shape[2] - 1], [0, 0, 0, 1]], dtype=float
    )
    affine = source.affine @ turn
    path = tmp_path / "turned.nii.gz"
    write_volume(type(source)(flipped, affine), path)
    out = tmp_path / "turned_t2.nii.gz"
    voxlate.translate(trained, path, out=out)
    back = read_volume(out)
    assert axis_codes(back.affine) == axis_codes(affine)
    restored = back.array[:, ::-1, ::-1].transpose(2, 0, 1)
    np.testing.assert_allclose(restored, reference.array, rtol=1e-4, atol=1e-3)


def test_a_data_set_goes_on_past_a_broken_case(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    cases = index_cohort(phantom_cohort).cases[:3]
    for case in cases:
        (data / case.id).mkdir(parents=True)
        shutil.copy(case.paths["t1"], data / case.id / f"{case.id}-t1n.nii.gz")
    broken = data / cases[1].id / f"{cases[1].id}-t1n.nii.gz"
    broken.write_bytes(broken.read_bytes()[:1000])
    outcomes = voxlate.translate(trained, data, out=out)
    assert [one.status for one in outcomes] == ["done", "failed", "done"]
    assert not (out / cases[1].id / f"{cases[1].id}_t2.nii.gz").exists()
    with (out / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert broken.name in rows[1]["reason"]
    assert [one.status for one in voxlate.translate(trained, data, out=out)] == ["skipped", "failed", "skipped"]


def test_the_wrong_target_is_refused(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="t2"):
        voxlate.translate(trained, scan(phantom_cohort), out=tmp_path / "x.nii.gz", target="flair")


@pytest.mark.parametrize("options", [WindowOptions(), WindowOptions(kind="volume")])
def test_short_memory_makes_windows_smaller_and_gives_the_same_result(options: WindowOptions) -> None:
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(40, 36, 44)).astype(np.float32)
    mask = np.ones(volume.shape, dtype=bool)
    blur = Blur(limit=40 * 36 if options.kind == "slices" else 24**3)
    blur.limit -= 1
    predict = Predictor(blur, options, device=torch.device("cpu"))
    np.testing.assert_allclose(predict([volume], mask)[0], volume * 2, rtol=1e-6)
    assert max(blur.sizes) <= blur.limit


def test_memory_too_short_for_anything_is_an_error() -> None:
    volume = np.ones((40, 36, 44), np.float32)
    predict = Predictor(Blur(limit=10), WindowOptions(), device=torch.device("cpu"))
    with pytest.raises(TrainingError, match="memory"):
        predict([volume], volume > 0)


def test_an_empty_mask_gives_background() -> None:
    volume = np.ones((8, 8, 8), np.float32)
    predict = Predictor(Blur(limit=10**6), WindowOptions(), device=torch.device("cpu"))
    assert not predict([volume], volume > 2).any()


def test_training_and_inference_see_the_same_background(trained: Path, phantom_cohort: Path) -> None:
    """Whatever lies outside the foreground, the networks see one value there, in both."""
    from voxlate.methods.hardware import pick_device
    from voxlate.preprocess.intensity import OUTSIDE
    from voxlate.preprocess.store import PreparedStore
    from voxlate.training.loop.batches import training_samples

    model = load_model(trained)
    store = PreparedStore(trained / "prepared", model.bundle.plan, ("t1", "t2"), optional=("labels",))
    [case_id, *_] = [case.id for case in index_cohort(phantom_cohort).cases if case.id in store]
    batch = training_samples(store, [case_id], model.bundle.recipe, divisor=model.predict.translator.divisor)[0]
    outside = batch.mask.expand_as(batch.source) == 0
    assert bool((batch.source[outside] == OUTSIDE).all())
    assert bool((batch.source[~outside] > OUTSIDE).all())

    class Spy(Translator):
        divisor = model.predict.translator.divisor
        seen: list[torch.Tensor] = []  # noqa: RUF012

        def predict(self, source: torch.Tensor) -> torch.Tensor:
            self.seen.append(source)
            return source

    case = store[case_id]
    predict = Predictor(Spy(), WindowOptions(), device=pick_device(), fill=model.predict.fill)
    predict([case.arrays["t1"]], case.mask)
    values = torch.cat([one.flatten() for one in Spy.seen])
    assert model.predict.fill
    assert float(values.min()) == OUTSIDE
    assert int((values == OUTSIDE).sum()) > 0


def test_the_folder_of_a_single_output_is_made(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder" / "t2.nii.gz"
    voxlate.translate(trained, scan(phantom_cohort), out=out)
    assert out.is_file()
    assert out.with_name("t2.json").is_file()


def test_a_place_that_cannot_be_written_is_told_before_computing(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError):
        voxlate.translate(trained, scan(phantom_cohort), out=tmp_path / "file" / "t2.nii.gz")
    with pytest.raises(WriteError):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "file" / "folder")


def test_what_is_refused_can_be_accepted_and_is_recorded(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    source = read_volume(scan(phantom_cohort))
    holed = source.array.astype(np.float32)
    holed[20, 20, 20] = np.nan
    path, out = tmp_path / "t1.nii.gz", tmp_path / "t2.nii.gz"
    import nibabel

    nibabel.save(nibabel.Nifti1Image(holed, source.affine), path)
    with pytest.raises(ReadError, match="on_nonfinite"):
        voxlate.translate(trained, path, out=out)
    assert not out.exists()
    voxlate.translate(trained, path, out=out, accept={"on_nonfinite": "zero"})
    provenance = read_provenance(out)
    assert provenance is not None
    assert any("1" in note for note in provenance.notes)
    with pytest.raises(UsageError, match="on_shear"):
        voxlate.translate(trained, path, out=out, accept={"on_error": "ignore"})


def test_a_file_that_by_its_name_is_another_contrast_is_warned_of(
    trained: Path, phantom_cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One file is taken for the source without being asked what it is."""
    path, out = tmp_path / "patient_T2.nii.gz", tmp_path / "out.nii.gz"
    shutil.copy(scan(phantom_cohort), path)
    [outcome] = voxlate.translate(trained, path, out=out)
    assert outcome.status == "done"
    told = [record.getMessage() for record in caplog.records if "by its name it shows T2" in record.getMessage()]
    assert len(told) == 1
    provenance = read_provenance(out)
    assert provenance is not None
    assert any("by its name it shows T2, and it is taken for T1" in note for note in provenance.notes)


def test_a_ct_given_to_a_model_of_mr_is_refused_and_can_be_accepted(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    source = read_volume(scan(phantom_cohort))
    noise = np.random.default_rng(0).normal(0, 12, source.shape)
    ct = np.where(source.array > np.percentile(source.array, 60), 40, -1000) + noise
    bad, good = tmp_path / "data" / "a" / "t1.nii.gz", tmp_path / "data" / "b" / "t1.nii.gz"
    for path in (bad, good):
        path.parent.mkdir(parents=True)
    write_volume(source.with_array(ct.astype(np.float32)), bad)
    shutil.copy(scan(phantom_cohort), good)
    out = tmp_path / "t2.nii.gz"
    with pytest.raises(ReadError, match=r"this is a CT.*--accept ct_values"):
        voxlate.translate(trained, bad, out=out)
    assert not out.exists()
    voxlate.translate(trained, bad, out=out, accept={"accept": ["ct_values"]})
    provenance = read_provenance(out)
    assert provenance is not None
    assert any("this is a CT" in note for note in provenance.notes)
    outcomes = voxlate.translate(trained, tmp_path / "data", out=tmp_path / "all")
    assert [(outcome.case, outcome.status) for outcome in outcomes] == [("a", "failed"), ("b", "done")]
    assert outcomes[0].reason.count("t1.nii.gz") == 1
    with pytest.raises(UsageError, match="no code of a finding"):
        voxlate.translate(trained, bad, out=out, accept={"accept": ["on_shear"]})


def test_dicom_is_named_as_what_it_is(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "slice.dcm").write_bytes(b"x" * 200)
    with pytest.raises(UsageError, match=r"a file named slice\.dcm"):
        voxlate.translate(trained, tmp_path / "slice.dcm", out=tmp_path / "t2.nii.gz")


class Slanted(Translator):
    """A translator that is better at one side of an image than at the other, and prefers one direction."""

    def predict(self, source: torch.Tensor) -> torch.Tensor:
        slope = torch.linspace(0, 1, source.shape[2]).reshape(1, 1, -1, *[1] * (source.ndim - 3))
        return source[:, :1] + slope + 0.5 * source[:, :1].roll(1, dims=2)


@pytest.mark.parametrize(
    "options", [{"axis": 2}, {"axis": 1}, {"kind": "volume"}, {"kind": "patches", "size": [4, 4, 4]}]
)
def test_mirrored_translation_is_the_mean_and_a_mirrored_head_gives_a_mirrored_result(options: dict[str, Any]) -> None:
    image = np.random.default_rng(0).normal(size=(8, 6, 4)).astype(np.float32)
    mask = np.ones(image.shape, dtype=bool)
    plain, both = (
        Predictor(Slanted(), WindowOptions.model_validate({**options, "mirror": mirror}), device=torch.device("cpu"))
        for mirror in (False, True)
    )
    once, turned = plain([image], mask)[0], plain([image[::-1]], mask)[0][::-1]
    assert not np.allclose(once, turned)
    np.testing.assert_allclose(both([image], mask)[0], (once + turned) / 2, atol=1e-5)
    np.testing.assert_allclose(both([image[::-1]], mask)[0], both([image], mask)[0][::-1], atol=1e-5)


def test_sagittal_slices_have_no_left_and_right_to_mirror() -> None:
    image = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)
    mask = np.ones(image.shape, dtype=bool)
    plain, both = (
        Predictor(Slanted(), WindowOptions(axis=0, mirror=mirror), device=torch.device("cpu"))
        for mirror in (False, True)
    )
    np.testing.assert_array_equal(plain([image], mask), both([image], mask))
