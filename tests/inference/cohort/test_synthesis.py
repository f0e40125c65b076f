"""Whole synthesised cases: what lies on disk, that it is told where it comes from, and what a rerun does."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.conftest import SMALL
from tests.program import started
from voxlate.bundle.bundle import _SHAPES_MEMBER, MANIFEST, read_bundle
from voxlate.cohort import index_cohort
from voxlate.errors import BundleError, LockedError, UsageError
from voxlate.inference.cohort.synthesis import _case_name, _Drawing
from voxlate.io import file_digest, hold, read_provenance, read_volume
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

LABELS_TO_T1: dict[str, Any] = {
    **SMALL,
    "name": "labels-to-t1",
    "source": ["labels"],
    "target": "t1",
    "training.steps": 6,
    "shapes": {"name": "statistical", "points": 24},
}


@pytest.fixture(scope="module")
def drawing(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose bundle draws label maps."""
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=LABELS_TO_T1)
    return train_run(phantom_cohort, recipe, tmp_path_factory.mktemp("drawing") / "run").folder


@pytest.fixture(scope="module")
def two(drawing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthesised cases."""
    out = tmp_path_factory.mktemp("synthetic") / "cases"
    outcomes = voxlate.synthesize(drawing, cases=2, seed=7, out=out)
    assert [one.status for one in outcomes] == ["done", "done"]
    return out


def image(folder: Path, number: int, contrast: str, *, seed: int = 7) -> Path:
    name = _case_name(number, seed=seed)
    return folder / name / f"{name}_{contrast}.nii.gz"


def manifest(folder: Path) -> list[tuple[str, str]]:
    with (folder / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["target"] == "t1" and row["sources"] == "labels" for row in rows if row["status"] != "failed")
    return [(row["case"], row["status"]) for row in rows]


def test_the_cases_are_a_data_set_that_passes_the_check(two: Path) -> None:
    cohort = index_cohort(two)
    assert [case.id for case in cohort.cases] == ["synthetic-00001-s7", "synthetic-00002-s7"]
    assert all(set(case.paths) == {"labels", "t1"} for case in cohort.cases)
    checked = voxlate.check(two)
    assert checked.errors == 0
    assert checked.left_out == []


def test_image_and_labels_lie_on_one_grid_and_the_labels_are_those_of_the_training_maps(two: Path) -> None:
    for number in (1, 2):
        labels, t1 = read_volume(image(two, number, "labels")), read_volume(image(two, number, "t1"))
        assert labels.grid.matches(t1.grid)
        assert labels.array.any()
        assert set(np.unique(labels.array)) <= {0, 1, 2, 3}


def test_both_images_say_what_they_are(two: Path, drawing: Path) -> None:
    digest = read_bundle(drawing).digest
    labels, t1 = (read_provenance(image(two, 2, name)) for name in ("labels", "t1"))
    assert labels is not None
    assert t1 is not None
    assert labels.synthetic
    assert t1.synthetic
    assert labels.model is not None
    assert labels.model.digest == digest
    assert labels.drawn is not None
    assert labels.drawn.model_dump() == {"shapes": "statistical", "seed": 7, "number": 2}
    assert [(one.contrast, one.sha256) for one in t1.sources] == [("labels", file_digest(image(two, 2, "labels")))]


def test_what_the_model_has_seen_is_listed(two: Path, drawing: Path) -> None:
    assert json.loads((two / "seen.json").read_text()) == sorted(_seen(drawing))
    assert manifest(two) == [("synthetic-00001-s7", "done"), ("synthetic-00002-s7", "done")]


def test_a_case_is_the_same_however_many_are_asked_for(two: Path, drawing: Path, tmp_path: Path) -> None:
    voxlate.synthesize(drawing, cases=1, seed=7, out=tmp_path / "one")
    for contrast in ("labels", "t1"):
        assert file_digest(image(tmp_path / "one", 1, contrast)) == file_digest(image(two, 1, contrast))
    assert file_digest(image(two, 1, "labels")) != file_digest(image(two, 2, "labels"))


def test_finished_cases_are_left_alone_and_damaged_ones_made_anew(two: Path, drawing: Path, tmp_path: Path) -> None:
    out = shutil.copytree(two, tmp_path / "again")
    digests = {path: file_digest(path) for path in out.rglob("*.nii.gz")}
    first, second = image(out, 1, "labels"), image(out, 2, "t1")
    first.write_bytes(first.read_bytes()[:-5])
    untouched = image(out, 1, "t1").stat().st_mtime_ns
    outcomes = voxlate.synthesize(drawing, cases=2, seed=7, out=out)
    assert [one.status for one in outcomes] == ["done", "skipped"]
    second.unlink()
    assert [one.status for one in voxlate.synthesize(drawing, cases=2, seed=7, out=out)] == ["skipped", "done"]
    assert {path: file_digest(path) for path in out.rglob("*.nii.gz")} == digests
    assert image(out, 1, "t1").stat().st_mtime_ns == untouched


def test_calls_share_a_folder_and_its_manifest_lists_the_cases_of_all(two: Path, drawing: Path, tmp_path: Path) -> None:
    out = shutil.copytree(two, tmp_path / "seeds")
    (out / "manifest.csv").unlink()  # as if the first call had been killed before it wrote that
    damaged = image(out, 2, "t1")
    damaged.write_bytes(damaged.read_bytes()[:-5])
    foreign = out / "synthetic-00003-s7"
    foreign.mkdir()
    (foreign / "synthetic-00003-s7_t1.nii.gz").write_bytes(b"another program's")
    before = {path: path.read_bytes() for path in out.glob("*/*")}
    voxlate.synthesize(drawing, cases=1, seed=10, out=out)
    assert manifest(out) == [
        ("synthetic-00001-s7", "skipped"),
        ("synthetic-00002-s7", "failed"),
        ("synthetic-00003-s7", "failed"),
        ("synthetic-00001-s10", "done"),
    ]
    assert {path: path.read_bytes() for path in before} == before
    shutil.rmtree(foreign)
    voxlate.synthesize(drawing, cases=2, seed=7, out=out)
    assert manifest(out) == [
        ("synthetic-00001-s7", "skipped"),
        ("synthetic-00002-s7", "done"),
        ("synthetic-00001-s10", "skipped"),
    ]
    assert len(index_cohort(out).cases) == 3


def test_the_case_of_another_model_is_never_replaced_unless_that_is_asked_for(
    two: Path, drawing: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(two, tmp_path / "model")
    sidecar = image(out, 1, "labels").with_name("synthetic-00001-s7_labels.json")
    values = json.loads(sidecar.read_text())
    values["model"]["digest"] = "f" * 64
    sidecar.write_text(json.dumps(values))
    before = {path: path.read_bytes() for path in out.glob("*/*")}
    outcomes = voxlate.synthesize(drawing, cases=2, seed=7, out=out)
    assert [one.status for one in outcomes] == ["failed", "skipped"]
    assert "labels-to-t1, bundle ffffffffffff" in outcomes[0].reason
    assert {path: path.read_bytes() for path in before} == before
    assert voxlate.synthesize(drawing, cases=1, seed=7, out=out, overwrite=True)[0].status == "done"


def test_a_call_that_is_killed_goes_on_and_lists_all(two: Path, drawing: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    with started("synthesize", drawing, "--cases", "50", "--seed", "7", "--out", out) as process:
        while process.is_alive() and not list(out.glob("synthetic-00002-s7/*")):
            time.sleep(0.002)
    assert process.exitcode == -9
    assert [one.status for one in voxlate.synthesize(drawing, cases=1, seed=9, out=out)] == ["done"]
    assert manifest(out)[0] == ("synthetic-00001-s7", "skipped")
    outcomes = voxlate.synthesize(drawing, cases=2, seed=7, out=out)
    assert not any(one.is_bad for one in outcomes)
    listed = dict(manifest(out))
    assert set(listed) >= {"synthetic-00001-s7", "synthetic-00002-s7", "synthetic-00001-s9"}
    assert set(listed) == {path.name for path in out.iterdir() if path.is_dir()}
    for number in (1, 2):
        assert file_digest(image(out, number, "t1")) == file_digest(image(two, number, "t1"))
    assert not list(out.rglob(".voxlate-*"))


def test_a_case_that_fails_does_not_stop_the_others(
    drawing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = _Drawing.draw

    def fail(self: _Drawing) -> Any:
        if self.number == 1:
            raise MemoryError("none left")
        return draw(self)

    monkeypatch.setattr(_Drawing, "draw", fail)
    outcomes = voxlate.synthesize(drawing, cases=2, seed=7, out=tmp_path / "cases")
    assert [(one.status, one.is_bad) for one in outcomes] == [("failed", True), ("done", False)]
    assert "none left" in outcomes[0].reason
    assert not image(tmp_path / "cases", 1, "labels").exists()


def test_other_folders_and_files_are_refused(two: Path, drawing: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="something else"):
        voxlate.synthesize(drawing, cases=1, seed=7, out=phantom_cohort)
    out = shutil.copytree(two, tmp_path / "other")
    (out / "seen.json").write_text("[]\n")
    with pytest.raises(UsageError, match="seen other images"):
        voxlate.synthesize(drawing, cases=1, seed=7, out=out)
    foreign = shutil.copytree(two, tmp_path / "foreign")
    image(foreign, 1, "labels").with_name("synthetic-00001-s7_labels.json").unlink()
    [outcome] = voxlate.synthesize(drawing, cases=1, seed=7, out=foreign)
    assert "overwrite" in outcome.reason
    with hold(two, what="a test"), pytest.raises(LockedError):
        voxlate.synthesize(drawing, cases=1, seed=7, out=two)
    with pytest.raises(UsageError, match="cases"):
        voxlate.synthesize(drawing, cases=0, seed=7, out=tmp_path / "none")


def test_a_model_that_draws_nothing_says_how_to_come_to_one(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shapes=statistical"):
        voxlate.synthesize(trained, cases=1, seed=0, out=tmp_path / "cases")
    assert not (tmp_path / "cases").exists()


def test_shapes_need_a_label_map_as_the_only_source() -> None:
    with pytest.raises(UsageError, match="only source"):
        resolve_recipe("avula2020-t1-to-t2", overrides={"shapes": "statistical"})


@pytest.fixture
def bundle(drawing: Path, tmp_path: Path) -> Path:
    return shutil.copytree(drawing / "bundle", tmp_path / "bundle")


def test_a_bundle_has_shapes_exactly_if_its_recipe_does(bundle: Path, trained: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    digest = manifest["members"].pop(_SHAPES_MEMBER)
    kept = (bundle / _SHAPES_MEMBER).read_bytes()
    (bundle / _SHAPES_MEMBER).unlink()
    with pytest.raises(BundleError, match="members"):
        read_bundle(bundle)
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=_SHAPES_MEMBER):
        read_bundle(bundle)
    other = shutil.copytree(trained / "bundle", tmp_path / "other")
    (other / _SHAPES_MEMBER).write_bytes(kept)
    with pytest.raises(BundleError, match="members"):
        read_bundle(other)
    manifest = json.loads((other / MANIFEST).read_text())
    manifest["members"][_SHAPES_MEMBER] = digest
    (other / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=_SHAPES_MEMBER):
        read_bundle(other)


def test_changed_shapes_are_refused(bundle: Path) -> None:
    content = bytearray((bundle / _SHAPES_MEMBER).read_bytes())
    content[-1] ^= 1
    (bundle / _SHAPES_MEMBER).write_bytes(bytes(content))
    with pytest.raises(BundleError, match="SHA-256"):
        read_bundle(bundle)


def test_a_resumed_run_ships_the_same_shapes(drawing: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    run = shutil.copytree(drawing, tmp_path / "run")
    shutil.rmtree(run / "bundle")
    train_run(phantom_cohort, resolve_recipe("avula2020-t1-to-t2", overrides=LABELS_TO_T1), run, resume=True)
    assert read_bundle(run).digest == read_bundle(drawing).digest


def _seen(model: Path) -> frozenset[str]:
    """Files and voxels."""
    bundle = read_bundle(model)
    assert bundle.seen
    assert bundle.seen_voxels
    return bundle.seen | bundle.seen_voxels
