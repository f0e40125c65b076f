"""A segmentation from data set to label maps: settled, trained, validated, resumed, written, and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import CohortError, StoppedError, UsageError
from voxlate.inference.model import load_model
from voxlate.io import read_volume, write_volume
from voxlate.metrics import metrics_of
from voxlate.training.loop.batches import _labelled_voxels, training_samples
from voxlate.training.loop.journal import read_log
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import prepare, set_up
from voxlate.training.setup.settling import _levels_for, _patch_for, may_come_of, without_words
from voxlate.training.train import train_run
from voxlate.volume import Volume

RECIPE: dict[str, Any] = {
    "name": "tiny",
    "source": ["t1c", "flair"],
    "target": "labels",
    "plan": {"mask": "nonzero"},
    "window": {"kind": "patches", "size": [16, 16, 16], "overlap": 0.25},
    "method": {
        "name": "segmentation",
        "classes": "regions",
        "network": {"name": "unet", "channels": [4, 8]},
    },
    "loss": {"bce": 1.0, "dice": 1.0},
    "training": {
        "steps": 4,
        "batch_size": 2,
        "label_share": 0.5,
        "learning_rate": 0.002,
        "monitor": "dice",
        "validate_every": 2,
        "checkpoint_every": 1,
        "precision": "fp32",
    },
}


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=5, seed=3, size=32, contrasts=["t1c", "flair"])


def make(**overrides: Any) -> Recipe:
    fields = {name.replace("__", "."): value for name, value in overrides.items()}
    return parse_recipe(RECIPE, where="test").with_overrides(fields)


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train_run(cohort, make(), tmp_path_factory.mktemp("run") / "run")


def test_the_bundle_holds_the_classes_that_the_data_set_has(run: RunFolder) -> None:
    bundle = read_bundle(run.bundle)
    assert bundle.recipe.method.options["classes"] == {
        "whole tumour": [1, 2, 3], "tumour core": [1, 3], "enhancing tumour": [3]
    }  # fmt: skip
    assert json.loads(run.settled.read_text())["method.classes"]["tumour core"] == [1, 3]


def test_validation_scores_both_sides_of_the_gap(run: RunFolder) -> None:
    rows = [row.validation for row in read_log(run.log) if row.validation]
    assert len(rows) == 2
    for row in rows:
        names = {*metrics_of("segmentation"), "loss", "dice of tumour core"}
        assert names | {f"train_{name}" for name in names} <= set(row)
        assert row["f1"] == row["dice"]
        assert math.isfinite(row["loss"])
    assert rows[0]["loss"] != rows[1]["loss"]


def test_the_mean_of_the_classes_is_the_score(run: RunFolder, cohort: Path) -> None:
    """Against label maps that the bundle writes and scores that are counted here."""
    setup = set_up(cohort, make(), run=run, report=lambda *_: None)
    model, [case] = load_model(run.folder), setup.cases("validation")
    found = np.asarray(model.translate(model.prepare(case)).array)
    truth = np.asarray(read_volume(case.paths["labels"]).array)
    overlaps = []
    for values in ((1, 2, 3), (1, 3), (3,)):
        p, t = np.isin(found, values), np.isin(truth, values)
        if p.any() or t.any():
            overlaps.append(2 * (p & t).sum() / (p.sum() + t.sum()))
    assert read_bundle(run.bundle).scores["metrics"]["dice"] == pytest.approx(np.mean(overlaps), abs=1e-6)


def test_label_maps_are_written_as_whole_numbers_on_the_sources_grid(
    run: RunFolder, cohort: Path, tmp_path: Path
) -> None:
    outcomes = voxlate.translate(run.folder, cohort, out=tmp_path / "out")
    assert {outcome.status for outcome in outcomes} == {"done"}
    for path in (tmp_path / "out").glob("*/*_labels.nii.gz"):
        volume = read_volume(path)
        assert volume.array.dtype == np.uint8
        assert set(np.unique(volume.array)) <= {0, 1, 2, 3}
        assert volume.grid.matches(read_volume(next((cohort / path.parent.name).glob("*t1c.nii.gz"))).grid)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(run: RunFolder, cohort: Path, tmp_path: Path) -> None:
    class Stop:
        def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
            if step == 2:
                raise StoppedError("an unbroken run", came="a test", remedy="Go on.")

        def validated(self, step: int, validation: Any) -> None:
            pass

    with pytest.raises(StoppedError):
        train_run(cohort, make(), tmp_path, observers=(Stop(),))
    broken = train_run(cohort, make(), tmp_path, resume=True)
    ours, theirs = read_bundle(broken.bundle).weights(), read_bundle(run.bundle).weights()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_an_input_that_was_given_for_the_label_is_refused(cohort: Path, tmp_path: Path) -> None:
    """What voided the tables of Kathane and Vhora: their generator returned a copy of the input, here also rescaled."""
    for number, scale in enumerate((1.0, 0.25)):
        folder = tmp_path / f"scaled_{number}"
        for case in index_cohort(cohort).cases:
            (folder / case.id).mkdir(parents=True)
            for name in ("t1c", "flair"):
                (folder / case.id / case.paths[name].name).symlink_to(case.paths[name])
            image = read_volume(case.paths["flair"])
            copied = Volume(np.rint(scale * np.asarray(image.array)).astype(np.int16), image.affine)
            write_volume(copied, folder / case.id / case.paths["labels"].name)
        with pytest.raises(CohortError, match=r"passes the preflight.*seg\.nii\.gz is a copy.*of .*t2f\.nii\.gz"):
            train_run(folder, make(method__classes="binary"), tmp_path / f"run_{number}")
        assert not (tmp_path / f"run_{number}" / "bundle").exists()


def test_a_monitor_that_a_segmentation_does_not_give_is_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"metric of what the method segmentation gives.*got mae"):
        train_run(cohort, make(training__monitor="mae"), tmp_path / "run", check=False)


def test_levels_follow_the_shortest_side_of_a_sample(cohort: Path) -> None:
    assert _levels_for(128, dims=3, base=32) == [32, 64, 128, 256, 320, 320]
    assert _levels_for(40, dims=3, base=16) == [16, 32, 64, 128]
    assert _levels_for(5, dims=2, base=16) == [16, 32]
    network = {"name": "residual_encoder_unet", "channels": "auto"}
    setup = set_up(cohort, make(method__network=network), run=None, check=False, report=lambda *_: None)
    assert setup.recipe.method.options["network"]["channels"] == [16, 32, 64]
    assert without_words(make(method__network=network)).method.options["classes"] == "binary"


def test_an_automatic_window_is_small_patches_where_nothing_speeds_up_large_ones(cohort: Path) -> None:
    assert not torch.cuda.is_available(), "these tests run on a processor"
    window = {"kind": "auto", "size": [64, 24, 64]}
    setup = set_up(cohort, make(window=window), run=None, check=False, report=lambda *_: None)
    assert setup.recipe.window.kind == "patches"
    assert setup.recipe.window.size == (32, 24, 32)
    assert "without an accelerator" in setup.why("window.kind")
    assert not setup.why("window"), "no memory was measured"


@pytest.mark.parametrize(
    ("shape", "patch"),
    [
        ((35, 50, 36), [32, 48, 32]),
        ((240, 240, 155), [32, 32, 40]),
        ((512, 512, 20), [48, 56, 16]),
        ((7, 9, 3), [8] * 3),
    ],
)
def test_patches_have_the_proportions_of_the_volume(shape: tuple[int, ...], patch: list[int]) -> None:
    assert _patch_for(shape) == patch


def test_samples_are_not_mirrored_where_a_mirror_exchanges_classes(cohort: Path, tmp_path: Path) -> None:
    """The phantom's T1 with a label map of two boxes, one on each side."""
    for case in index_cohort(cohort).cases:
        folder = tmp_path / case.id
        folder.mkdir()
        (folder / case.paths["flair"].name).symlink_to(case.paths["flair"])
        image = read_volume(case.paths["flair"])
        sides = np.zeros(image.array.shape, dtype=np.uint8)
        sides[6:12, 10:20, 10:20], sides[20:26, 10:20, 10:20] = 1, 2
        write_volume(Volume(sides, image.affine), folder / case.paths["labels"].name)
    asked = make(source=["flair"], method__classes="each", window__mirror=True)
    setup = set_up(tmp_path, asked, run=None, check=False, report=lambda *_: None)
    assert setup.recipe.training.augmentation.flip == 0
    assert not setup.recipe.window.mirror
    assert setup.why("training.augmentation.flip").startswith("a mirror exchanges ")
    assert setup.why("window.mirror") == "no sample was mirrored in training"
    assert may_come_of(asked, setup.recipe)


def test_whatever_is_settled_has_a_reason(cohort: Path, run: RunFolder) -> None:
    network = {"name": "residual_encoder_unet", "channels": "auto", "blocks": "auto"}
    asked = make(method__network=network, window={"kind": "auto"})
    setup = set_up(cohort, asked, run=None, check=False, report=lambda *_: None)
    fields = [field for settled in setup.settled for field in settled.values]
    assert fields == [
        "method.classes", "window.kind", "window.size", "method.network.channels", "method.network.blocks"
    ]  # fmt: skip
    assert setup.recipe.method.options["network"]["blocks"] == [1, 2, 2, 2]
    assert setup.why("method.classes").startswith("regions: 3 in the label maps of ")
    assert "levels for a shortest side of" in setup.why("method.network.channels")
    changes = {field: value for settled in setup.settled for field, value in settled.values.items()}
    assert setup.recipe.to_yaml() == asked.with_overrides(changes).to_yaml()
    assert may_come_of(asked, setup.recipe)
    assert not may_come_of(asked.with_overrides({"training.seed": 9}), setup.recipe)
    again = set_up(cohort, make(), run=run, report=lambda *_: None)
    assert again.why("method.classes").startswith("regions: 3 in the label maps of ")
    assert f"Settled: method.classes = {again.why('method.classes')}" in (run.bundle / "MODEL_CARD.md").read_text()
    run.reasons.rename(run.folder / "hidden")  # as in a run from before they were kept
    try:
        older = set_up(cohort, make(), run=run, report=lambda *_: None)
    finally:
        (run.folder / "hidden").rename(run.reasons)
    assert older.recipe == again.recipe
    assert older.why("method.classes") == "as settled when the run began"
    assert again.recipe == read_bundle(run.bundle).recipe


def test_some_samples_are_placed_around_labelled_voxels(cohort: Path, tmp_path: Path) -> None:
    """With a share of 1 every sample of a labelled case holds a label in its middle; rare values as often as others."""
    recipe = make(training__label_share=1.0, window__size=[4, 4, 4], training__augmentation={"flip": 0})
    setup = set_up(cohort, recipe, run=None, check=False, report=lambda *_: None)
    store = prepare(setup, setup.cases("train"), tmp_path, report=lambda *_: None)
    samples = training_samples(store, [case.id for case in setup.cases("train")], setup.recipe, divisor=1)
    centres = [samples[step].target[:, 0, 2, 2, 2] for step in range(20)]
    assert set(torch.cat(centres).tolist()) <= {1, 2, 3}
    labels = np.zeros((6, 6, 6))
    labels[0, 0, 0], labels[2:, 2:, 2:] = 2, 1
    found = _labelled_voxels(labels, seed="a")
    rng = np.random.default_rng(0)
    values = [labels[found.draw(rng) or (1, 1, 1)] for _ in range(200)]
    assert 60 < values.count(2) < 140
    assert _labelled_voxels(labels * 0, seed="a").draw(rng) is None


def test_centre_crops_are_the_same_place_every_time(cohort: Path, tmp_path: Path) -> None:
    recipe = make(training__label_share=0.0, window__place="centre", training__augmentation={"flip": 0})
    setup = set_up(cohort, recipe, run=None, check=False, report=lambda *_: None)
    cases = setup.cases("train")[:1]
    store = prepare(setup, cases, tmp_path, report=lambda *_: None)
    samples = training_samples(store, [cases[0].id], setup.recipe, divisor=1)
    first = samples[0].source
    assert torch.equal(first[0], first[1])
    assert torch.equal(first, samples[7].source)
    box = samples.boxes[cases[0].id]
    assert box is not None
    start = [a + n // 2 - 8 for a, n in zip(box.start, box.size, strict=True)]
    i, j, k = (slice(a, a + 16) for a in start)
    assert np.array_equal(samples[0].target[0, 0].numpy(), np.asarray(store[cases[0].id].arrays["labels"][:])[i, j, k])


def test_several_views_of_label_maps_are_refused(cohort: Path, tmp_path: Path) -> None:
    window = {"kind": "slices", "axis": [2, 0], "size": None}
    with pytest.raises(UsageError, match="one axis where the target is a label map"):
        train_run(cohort, make(window=window), tmp_path / "run", check=False)


def test_a_foreground_that_leaves_out_labels_gives_way_to_the_whole_image(cohort: Path, tmp_path: Path) -> None:
    """As in crops of the hippocampus, where Otsu's threshold takes dark labelled tissue for background."""
    for case in index_cohort(cohort).cases:
        (tmp_path / case.id).mkdir()
        for name in ("t1c", "flair"):
            (tmp_path / case.id / case.paths[name].name).symlink_to(case.paths[name])
        labels = read_volume(case.paths["labels"])
        moved = np.array(labels.array)
        moved[:3, :3, :3] = 1  # in a corner, in the air
        write_volume(Volume(moved, labels.affine), tmp_path / case.id / case.paths["labels"].name)
    recipe = make(plan__mask="auto")
    kept = set_up(cohort, recipe, run=None, check=False, report=lambda *_: None)
    assert kept.plan.mask.kind == "otsu"
    assert kept.fingerprint.labels_inside == 1
    given_up = set_up(tmp_path, recipe, run=None, check=False, report=lambda *_: None)
    assert given_up.plan.mask.kind == "nonzero"
    assert given_up.fingerprint.foreground_share > kept.fingerprint.foreground_share
