"""A cohort with gaps is filled: what was missing and could be made, nothing else; the originals stay as they were."""

from __future__ import annotations

import csv
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

import voxlate
from tests.conftest import SMALL
from tests.inference.conftest import CONTRASTS, PAIRS
from voxlate.cli import main
from voxlate.cohort import index_cohort
from voxlate.errors import BundleError, UsageError
from voxlate.evaluation.candidates import load_candidate
from voxlate.inference.cohort.imputation import decide
from voxlate.inference.cohort.outcome import Outcome
from voxlate.inference.model import Model, load_model, load_models
from voxlate.io import file_digest, read_provenance, read_volume, sidecar_path
from voxlate.training.train import train_run
from voxlate.verbs import check, resolve_recipe

Holes = dict[str, set[str]]
State = dict[str, tuple[str, int]]


def state(root: Path) -> State:
    """Bytes and time of change of every file outside ``derivatives``."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and "derivatives" not in path.parts]
    return {str(path): (file_digest(path), path.stat().st_mtime_ns) for path in files}


def expected(holes: Holes) -> dict[tuple[str, str], str]:
    """The status of every case and target, from the holes alone."""
    wanted = {}
    for case, gone in holes.items():
        for source, target in PAIRS.values():
            status = "present" if target not in gone else "cannot" if source in gone else "done"
            wanted[case, target] = status
    return wanted


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def statuses(outcomes: list[Outcome]) -> dict[tuple[str, str], str]:
    return {(one.case, one.target): one.status for one in outcomes}


@pytest.fixture(scope="module")
def filled(models: Path, lacking: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Outcome]]:
    """The folder that completes the twelve, and what became of each; not to be changed."""
    out = tmp_path_factory.mktemp("filled") / "out"
    return out, voxlate.translate(models, lacking, out=out)


def test_only_what_is_missing_is_made(models: Path, gapped: Path, holes: Holes) -> None:
    before = state(gapped)
    out = gapped / "derivatives" / "voxlate"
    outcomes = voxlate.translate(models, gapped, out=out)
    wanted = expected(holes)
    assert set(wanted.values()) == {"present", "cannot", "done"}
    assert statuses(outcomes) == wanted
    assert state(gapped) == before

    made = {(path.parent.name, path.name) for path in out.glob("*/*.nii.gz")}
    assert made == {(case, f"{case}_{target}.nii.gz") for (case, target), status in wanted.items() if status == "done"}
    listed = rows(out / "manifest.csv")
    assert list(listed[0])[:4] == ["case", "status", "seconds", "reason"]
    assert {(row["case"], row["target"]): row["status"] for row in listed} == wanted
    for row in listed:
        maker = {target: (name, source) for name, (source, target) in PAIRS.items()}[row["target"]]
        assert (row["model"], row["sources"]) == (maker if row["status"] == "done" else ("", ""))
        assert ("T2" in row["reason"] or "T1 post" in row["reason"]) == (row["status"] == "cannot")


def test_the_completed_cohort_is_a_data_set(filled: tuple[Path, list[Outcome]], lacking: Path, holes: Holes) -> None:
    out, outcomes = filled
    done = {(one.case, one.target) for one in outcomes if one.status == "done"}
    completed, originals = index_cohort(out / "completed.csv"), index_cohort(lacking)
    assert not completed.left_out
    for row, case in zip(rows(out / "completed.csv"), completed.cases, strict=True):
        source = originals.case(case.id)
        filled = {target for one, target in done if one == case.id}
        assert set(case.paths) == set(source.paths) | filled
        assert set(case.paths) >= set(CONTRASTS) - holes[case.id]
        assert all(case.paths[name].samefile(path) for name, path in source.paths.items())
        assert not any(Path(row[name]).is_absolute() for name in CONTRASTS)
        assert set(row["imputed"].split()) == filled
        assert (case.subject, case.attributes["grade"]) == (source.subject, source.attributes["grade"])
    for case_id, target in done:
        path = completed.case(case_id).paths[target]
        told = read_provenance(path)
        assert told is not None
        assert (told.synthetic, told.target, told.output_sha256) == (True, target, file_digest(path))
        assert [one.sha256 for one in told.sources] == [
            file_digest(originals.case(case_id).paths[one.contrast]) for one in told.sources
        ]
        grid = read_volume(originals.case(case_id).paths[told.sources[0].contrast]).grid
        assert read_volume(path).grid.matches(grid, tolerance_mm=1e-6)


def test_a_completed_cohort_can_be_checked_and_trained_on(models: Path, gapped: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for folder in sorted(gapped.glob("Phantom-*"))[5:]:
        shutil.rmtree(folder)
    voxlate.translate(models, gapped, out=out)
    found = check(out / "completed.csv")
    assert found.errors == 0
    told = [message for _, _, code, message in found.findings if code == "synthetic"]
    made = sum(one["status"] == "done" and one["target"] == "flair" for one in rows(out / "manifest.csv"))
    assert any(message.startswith(f"a model made {made} of the ") and "FLAIR" in message for message in told)
    recipe = resolve_recipe(
        "avula2020-t1-to-t2", source=["t2"], target="flair", overrides={**SMALL, "training.steps": 1}
    )
    run = train_run(out / "completed.csv", recipe, tmp_path / "run").folder
    assert (run / "bundle" / "manifest.json").is_file()


def test_a_rerun_skips_what_is_there_and_makes_what_is_not(
    models: Path, lacking: Path, filled: tuple[Path, list[Outcome]]
) -> None:
    out, outcomes = filled  # which are the same again in the end
    first = statuses(outcomes)
    kept = {path: path.read_bytes() for path in (out / "completed.csv", out / "dataset_description.json")}
    done = [key for key, status in first.items() if status == "done"]
    lost = out / done[0][0] / f"{done[0][0]}_{done[0][1]}.nii.gz"
    lost.unlink()
    again = statuses(voxlate.translate(models, lacking, out=out))
    assert again == {**first, **dict.fromkeys(done, "skipped"), done[0]: "done"}
    assert lost.is_file()
    assert {path: path.read_bytes() for path in kept} == kept


def test_all_translates_the_scans_that_are_there_too(models: Path, gapped: Path, holes: Holes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcomes = voxlate.translate(models, gapped, out=out, target="flair", every=True)
    able = {case for case, gone in holes.items() if "t2" not in gone}
    assert {one.case for one in outcomes if one.status == "done"} == able
    assert {one.case for one in outcomes if one.status == "cannot"} == set(holes) - able
    for row in rows(out / "completed.csv"):
        missing = "flair" in holes[row["case"]]
        assert ("flair" in row["imputed"].split()) == (missing and row["case"] in able)
        assert row["flair"].startswith(row["case"]) == (missing and row["case"] in able)


def test_a_data_set_without_gaps_is_translated_whole(models: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    outcomes = voxlate.translate(models, phantom_cohort, out=tmp_path / "out", target="t1")
    assert [one.status for one in outcomes] == ["done"] * 6
    assert {row["imputed"] for row in rows(tmp_path / "out" / "completed.csv")} == {""}


def test_two_commands_complete_one_folder(models: Path, gapped: Path, tmp_path: Path) -> None:
    voxlate.translate(models, gapped, out=tmp_path / "at-once")
    for name in PAIRS:
        voxlate.translate(models / name, gapped, out=tmp_path / "one-by-one")
    once, twice = (tmp_path / name / "completed.csv" for name in ("at-once", "one-by-one"))
    assert twice.read_text() == once.read_text()
    changed = next(row for row in rows(twice) if "flair" in row["imputed"].split())["case"]
    shutil.copy(  # another scan takes the place of the source: what was made from the old one is no longer its FLAIR
        next(path for path in gapped.glob("*/*-t2w.nii.gz") if changed not in path.name),
        gapped / changed / f"{changed}-t2w.nii.gz",
    )
    voxlate.translate(models / "t1c-to-t1", gapped, out=tmp_path / "one-by-one")
    [row] = [row for row in rows(twice) if row["case"] == changed]
    assert row["flair"] == ""


def test_no_image_is_made_from_one_that_a_model_made(
    trained: Path, filled: tuple[Path, list[Outcome]], holes: Holes, tmp_path: Path
) -> None:
    first = filled[0]
    outcomes = voxlate.translate(trained, first / "completed.csv", out=tmp_path / "second")
    synthetic = {case for case, gone in holes.items() if {"t1", "t2"} <= gone and "t1c" not in gone}
    assert synthetic
    for one in outcomes:
        gone = holes[one.case]
        assert one.status == ("present" if "t2" not in gone else "cannot" if "t1" in gone else "done")
        assert ("a model made" in one.reason) == (one.case in synthetic)
    with pytest.raises(UsageError, match="apart from the originals"):
        voxlate.translate(trained, first / "completed.csv", out=first)


def test_no_image_that_a_model_made_is_a_truth(models: Path, filled: tuple[Path, list[Outcome]], holes: Holes) -> None:
    """Else a model would be compared with itself, and be perfect."""
    _, cohort = load_candidate(models / "t2-to-flair", filled[0] / "completed.csv")
    assert {case.id for case in cohort.cases} == {case for case, gone in holes.items() if not {"t2", "flair"} & gone}


def test_one_bad_case_leaves_the_others_alone(models: Path, gapped: Path, holes: Holes, tmp_path: Path) -> None:
    wanted = expected(holes)
    bad, odd, *_ = [case for (case, target), status in wanted.items() if (target, status) == ("flair", "done")]
    scan = gapped / bad / f"{bad}-t2w.nii.gz"
    scan.write_bytes(scan.read_bytes()[:500])
    sidecar = sidecar_path(gapped / odd / f"{odd}-t2w.nii.gz")
    sidecar.write_text('{"software": "voxlate", "synthetic": 7}')
    outcomes = voxlate.translate(models, gapped, out=tmp_path / "out", target="flair")
    broken = {(bad, "flair"): "failed", (odd, "flair"): "failed"}
    assert statuses(outcomes) == {key: broken.get(key, status) for key, status in wanted.items() if key[1] == "flair"}
    reasons = {one.case: one.reason for one in outcomes}
    assert (scan.name in reasons[bad], sidecar.name in reasons[odd]) == (True, True)


def test_two_files_for_one_contrast_are_no_gap(models: Path, gapped: Path, holes: Holes, tmp_path: Path) -> None:
    case = next(case for case, gone in holes.items() if not {"t2", "flair"} & gone)
    shutil.copy(gapped / case / f"{case}-t2f.nii.gz", gapped / case / f"{case}-flair.nii.gz")
    outcomes = voxlate.translate(models, gapped, out=tmp_path / "out", target="flair")
    [one] = [one for one in outcomes if one.case == case]
    assert (one.status, "two files" in one.reason) == ("cannot", True)


def with_source(model: Model, *names: str, name: str) -> Model:
    recipe = model.bundle.recipe.model_copy(update={"source": names})
    return replace(model, bundle=replace(model.bundle, recipe=recipe), name=name)


def test_the_model_with_the_most_sources_is_taken(models: Path, gapped: Path, holes: Holes) -> None:
    one = load_model(models / "t2-to-flair")
    several = [
        with_source(one, "t2", name="z"),
        with_source(one, "t1", "t2", name="y"),
        with_source(one, "t1c", "t2", name="x"),
    ]
    chosen = {
        item.case.id: item.model.name
        for item in decide(several, index_cohort(gapped), every=True)
        if item.model is not None
    }
    for case, gone in holes.items():
        wanted = "x" if not {"t1c", "t2"} & gone else "y" if not {"t1", "t2"} & gone else "z"
        assert chosen.get(case) == (wanted if "t2" not in gone else None)


def test_what_no_model_makes_is_told(
    models: Path, gapped: Path, holes: Holes, caplog: pytest.LogCaptureFixture
) -> None:
    decide(load_models(models), index_cohort(gapped))
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"no model makes {title}; cases without it: {sum(name in gone for gone in holes.values())} of 12"
        for name, title in (("t1c", "T1 post-contrast"), ("t2", "T2"))
    ]


def test_a_folder_of_models_is_read_whole_or_refused(models: Path, gapped: Path, tmp_path: Path) -> None:
    assert [(model.name, model.target) for model in load_models(models)] == [
        ("t1c-to-t1", "t1"),
        ("t2-to-flair", "flair"),
    ]
    several = tmp_path / "several"
    shutil.copytree(models / "t1c-to-t1" / "bundle", several / "good")
    shutil.copytree(models / "t2-to-flair" / "bundle", several / "bad")
    (several / "bad" / "recipe.yaml").write_text("name: another")
    with pytest.raises(BundleError, match=r"recipe\.yaml"):
        voxlate.translate(several, gapped, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(BundleError, match="a model"):
        voxlate.translate(gapped, gapped, out=tmp_path / "out")


def test_several_models_for_one_file_are_refused(models: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    scan = index_cohort(phantom_cohort).cases[0].paths["t2"]
    with pytest.raises(UsageError, match="one model for one file"):
        voxlate.translate(models, scan, out=tmp_path / "x.nii.gz")
    [outcome] = voxlate.translate(models, scan, out=tmp_path / "x.nii.gz", target="T2-FLAIR")
    assert outcome.status == "done"


def test_a_target_that_no_model_makes_is_refused(models: Path, gapped: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the target t1 or flair, got 't2'"):
        voxlate.translate(models, gapped, out=tmp_path / "out", target="t2")


def run(*arguments: object) -> int:
    with patch.object(sys, "argv", ["voxlate", *map(str, arguments)]), pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command_says_what_it_decided(
    models: Path, gapped: Path, holes: Holes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = [case for case, gone in holes.items() if "flair" in gone]
    unable = [case for case in lacking if "t2" in holes[case]]
    assert run("translate", models / "t2-to-flair", gapped, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert (
        f"{len(lacking)} of 12 cases lack FLAIR: {len(lacking) - len(unable)} were filled, {len(unable)} could not be; "
        f"{12 - len(lacking)} have it and were left alone (--all translates them too)."
    ) in " ".join(printed.out.split())
    assert all(f"{case}, flair: lacks T2" in printed.err for case in unable)
    for case in unable:
        shutil.rmtree(gapped / case)
    assert run("translate", models / "t2-to-flair", gapped, "--out", tmp_path / "out") == 0
    assert run("translate", models, gapped, "--out", gapped) == 2
    assert "derivatives" in capsys.readouterr().err.replace("\n", "")
