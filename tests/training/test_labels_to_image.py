"""From label maps to an image, and what a segmenter learns from such images: on thoraces of the phantom."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cli import app
from voxlate.cohort import index_cohort
from voxlate.config.recipe import load_recipe, parse_recipe
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.io import file_digest, read_volume, write_volume
from voxlate.io.label_names import read_label_names
from voxlate.training.loop.journal import read_log
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

SHORT: dict[str, Any] = {
    "method.network.levels": 3,
    "method.network.width": 8,
    "method.discriminator.width": 8,
    "method.discriminator.layers": 1,
    "plan.resize": [None, None, None],
    "method.network.bounds": None,  # hardly trained, a sigmoid is in the middle of its range, which is no CT
    "training.steps": 8,
    "training.batch_size": 2,
    "training.validate_every": 8,
    "plan.split.seed": 0,
    "shapes": {"name": "statistical", "points": 16},
}
TINY: dict[str, Any] = {
    "name": "tiny",
    "source": ["ct"],
    "target": "labels",
    "plan": {"split": {"seed": 0}},
    "window": {"kind": "slices"},
    "method": {"name": "segmentation", "classes": "binary", "network": {"name": "unet", "channels": [8, 16]}},
    "loss": "bce+dice",
    "training": {"steps": 6, "batch_size": 2, "validate_every": 6, "monitor": "dice"},
}


@pytest.fixture(scope="module")
def thoraces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thorax") / "cohort"
    voxlate.phantom(folder, cases=6, seed=2, size=32, anatomy="thorax", contrasts=["ct"])
    return folder


@pytest.fixture(scope="module")
def run(thoraces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("habijan2022-labels-to-ct", overrides=SHORT)
    return voxlate.train(thoraces, recipe=recipe, out=tmp_path_factory.mktemp("habijan") / "run")


def test_recipe_is_the_papers() -> None:
    method = load_recipe("habijan2022-labels-to-ct").method.options
    network = method["network"]
    assert (network["name"], network["levels"], network["dropout"]) == ("pix2pix_unet", 7, 0)
    assert network["smooth"]
    assert network["bounds"] == [-1.024, 3.071]
    assert method["objective"] == "least_squares"
    assert method["network"]["normalise"] == method["discriminator"]["normalise"] == "batch"


def test_structures_are_settled_by_the_names_of_the_convention(run: Path) -> None:
    bundle = read_bundle(run)
    assert bundle.recipe.conditions is not None
    assert bundle.recipe.conditions.structures == {
        "myocardium": (205,),
        "left atrium": (420,),
        "left ventricle": (500,),
        "right atrium": (550,),
        "right ventricle": (600,),
        "aorta": (820,),
        "pulmonary artery": (850,),
    }
    assert bundle.plan.mask.kind == "whole"


def test_one_structure_alone_is_one_field(thoraces: Path, tmp_path: Path) -> None:
    changes = {**SHORT, "training.steps": 1, "training.figure_at": [], "conditions.structures": "aorta"}
    recipe = resolve_recipe("habijan2022-labels-to-ct", overrides=changes)
    found = read_bundle(train_run(thoraces, recipe, tmp_path / "run").folder).recipe.conditions
    assert found is not None
    assert found.structures == {"aorta": (820,)}
    unknown = resolve_recipe("habijan2022-labels-to-ct", overrides={**changes, "conditions.structures": "liver"})
    with pytest.raises(UsageError, match="structures of the data set: myocardium"):
        voxlate.train(thoraces, recipe=unknown, out=tmp_path / "other")


def test_figures_are_drawn_at_the_papers_shares_of_the_run(run: Path) -> None:
    drawn = sorted(path.name for path in (run / "figures").glob("step_*.png"))
    assert drawn == [f"step_{step:09d}.png" for step in (0, 1, 2, 4, 6, 8)]
    assert {"game.png", "progression.png"} <= {path.name for path in (run / "figures").iterdir()}
    validated = [row.step for row in read_log(run / "log.jsonl") if row.validation]
    assert validated == [0, 1, 2, 4, 6, 8]


def test_bundle_knows_the_images_that_it_has_seen(run: Path, thoraces: Path) -> None:
    with (run / "split.csv").open(encoding="utf-8") as file:
        parts = {row["case"]: row["part"] for row in csv.DictReader(file)}
    seen = read_bundle(run).seen
    for case, part in parts.items():
        assert (file_digest(thoraces / case / f"{case}-ct.nii.gz") in seen) == (part != "test")


def test_image_fills_the_volume_and_is_scored_where_the_patient_is(run: Path, thoraces: Path, tmp_path: Path) -> None:
    result = voxlate.evaluate(run, thoraces, out=tmp_path / "scores", split="test")
    summary = json.loads((tmp_path / "scores" / "summary.json").read_text(encoding="utf-8"))
    assert {row["method"] for row in summary["rows"]} == {"lookup", "model"}
    assert result.page.is_file()
    case = next(iter(sorted(thoraces.glob("Phantom-*"))))
    made = tmp_path / "made.nii.gz"
    voxlate.translate(run, case / f"{case.name}-seg.nii.gz", out=made)
    image = read_volume(made).array
    assert np.isfinite(image).all()
    labels = read_volume(case / f"{case.name}-seg.nii.gz").array
    assert np.ptp(image[labels == 0]) > 0


def _renumbered(case: Path, out: Path, numbers: dict[int, int]) -> Path:
    volume = read_volume(case / f"{case.name}-seg.nii.gz")
    array = np.zeros(volume.shape, np.int16)
    for old, new in numbers.items():
        array[volume.array == old] = new
    write_volume(Volume(array, volume.affine, get_contrast("labels")), out)
    return out


def test_a_label_map_of_other_numbers_is_refused_and_of_some_is_told(
    run: Path, thoraces: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would give the image of an empty map."""
    case = next(iter(sorted(thoraces.glob("Phantom-*"))))
    values = (205, 420, 500, 550, 600, 820, 850)
    other = _renumbered(case, tmp_path / "other.nii.gz", {old: new for new, old in enumerate(values, 1)})
    with pytest.raises(ReadError, match=r"all of its label values.*1 \(\d+ voxels\).*205 myocardium"):
        voxlate.translate(run, other, out=tmp_path / "other_ct.nii.gz")
    assert not (tmp_path / "other_ct.nii.gz").exists()
    some = _renumbered(case, tmp_path / "some.nii.gz", {old: 7 if old == 500 else old for old in values})
    voxlate.translate(run, some, out=tmp_path / "some_ct.nii.gz")
    told = json.loads((tmp_path / "some_ct.json").read_text(encoding="utf-8"))["notes"]
    assert any("some of its label values are none that the model knows: 7 (" in note for note in told)
    assert "treated as background" in caplog.text


def test_shapes_that_could_not_be_fitted_are_refused_before_anything_is_trained(thoraces: Path, tmp_path: Path) -> None:
    shutil.copytree(thoraces, tmp_path / "data")
    for case in sorted((tmp_path / "data").glob("Phantom-*")):
        path = case / f"{case.name}-seg.nii.gz"
        volume = read_volume(path, contrast=get_contrast("labels"))
        if case.name.endswith(("0-000", "1-000", "2-000", "3-000")):
            write_volume(volume.with_array(volume.array * 0), path, overwrite=True)
    recipe = resolve_recipe("habijan2022-labels-to-ct", overrides=SHORT)
    with pytest.raises(CohortError, match="only background in Phantom"):
        voxlate.train(tmp_path / "data", recipe=recipe, out=tmp_path / "run")
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_real_synthetic_and_both_share_what_they_are_tested_on(run: Path, thoraces: Path, tmp_path: Path) -> None:
    recipe = parse_recipe(TINY, where="test")
    result = voxlate.compare(thoraces, recipes=[recipe], synthetic=run, out=tmp_path / "study")
    assert [row[0] for row in result.rows] == ["intensity lookup", "real", "synthetic", "both"]
    assert "Tested on real cases" in result.sentence
    splits = {}
    for name in ("real", "synthetic", "both"):
        with (tmp_path / "study" / name / "seed-0" / "split.csv").open(encoding="utf-8") as file:
            splits[name] = {row["case"]: row["part"] for row in csv.DictReader(file)}
    held = {name: {c: p for c, p in split.items() if p != "train"} for name, split in splits.items()}
    assert held["real"] == held["synthetic"] == held["both"]
    training = {name: {c for c, p in split.items() if p == "train"} for name, split in splits.items()}
    assert training["both"] == training["real"] | training["synthetic"]
    assert all(case.startswith("synthetic-") for case in training["synthetic"])
    again = voxlate.compare(thoraces, recipes=[recipe], synthetic=run, out=tmp_path / "study")
    assert again.rows[1][:3] == result.rows[1][:3]


def test_drawn_cases_have_the_names_that_the_real_ones_have(run: Path, thoraces: Path, tmp_path: Path) -> None:
    """Else the classes of the real and of the synthetic cases are told apart when all are trained."""
    voxlate.synthesize(run, cases=3, seed=1, out=tmp_path / "made")
    cases = index_cohort(tmp_path / "made").cases
    assert {case.attributes["label_convention"] for case in cases} == {"mmwhs"}
    assert read_label_names(cases[0].paths["labels"])[820] == "aorta"
    each = {**TINY, "method": {**TINY["method"], "classes": "each"}, "training": {**TINY["training"], "steps": 2}}
    result = voxlate.compare(
        thoraces, recipes=[parse_recipe(each, where="test")], synthetic=tmp_path / "made", out=tmp_path / "study"
    )
    assert [row[0] for row in result.rows] == ["intensity lookup", "real", "synthetic", "both"]
    for kind in ("real", "synthetic", "both"):
        classes = read_bundle(tmp_path / "study" / kind / "seed-0").recipe.method.options["classes"]
        assert classes["aorta"] == [820]


def test_a_model_that_has_seen_the_test_cases_is_refused(run: Path, thoraces: Path, tmp_path: Path) -> None:
    other = parse_recipe({**TINY, "plan": {"split": {"seed": 5}}}, where="test")
    with pytest.raises(CohortError, match="has not seen"):
        voxlate.compare(thoraces, recipes=[other], synthetic=run, out=tmp_path / "study")


def test_only_one_segmentation_can_be_taught(run: Path, thoraces: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one recipe of a segmentation"):
        voxlate.compare(thoraces, recipes=["avula2020-t1-to-t2"], synthetic=run, out=tmp_path / "study")


def test_cases_are_synthesised_checked_and_audited_from_the_command_line(
    run: Path, thoraces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, audit = tmp_path / "made", tmp_path / "audit"
    assert _command("synthesize", run, "--cases", 3, "--seed", 1, "--out", made) == 0
    assert "3 synthesised, 0 finished before, 0 failed" in " ".join(capsys.readouterr().out.split())
    assert _command("check", made) == 0
    assert "0 errors" in capsys.readouterr().out
    assert _command("evaluate", made, thoraces, "--aspect", "privacy", "--out", audit) == 0
    decided = [row for name in ("released", "review") for row in _rows(audit / f"{name}.csv")]
    assert len(decided) == 3
    assert (audit / "report.html").is_file()


def test_options_of_another_aspect_are_refused(run: Path, thoraces: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--features"):
        voxlate.evaluate(run, thoraces, out=tmp_path / "scores", features=run)
    with pytest.raises(UsageError, match="--members"):
        voxlate.evaluate(run, thoraces, out=tmp_path / "scores", aspects=("distribution",), members=run)
    with pytest.raises(UsageError, match="alone"):
        voxlate.evaluate(run, thoraces, out=tmp_path / "scores", aspects=("fidelity", "privacy"))
    with pytest.raises(UsageError, match="network"):
        voxlate.evaluate(run, thoraces, out=tmp_path / "scores", aspects=("distribution",))


def _command(*arguments: object) -> int:
    return app([str(argument) for argument in arguments], standalone_mode=False) or 0


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
