"""BIDS: entities, sessions, runs, sidecars, what is ignored, and label maps of derivatives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort, split_cohort
from voxlate.cohort.preflight.names import check_names
from voxlate.cohort.synthetic import is_imputed
from voxlate.config.plan import SplitOptions
from voxlate.inference.given import case_acquisitions


def _anat(root: Path, *names: str) -> None:
    for name in names:
        subject, *rest = name.split("_")
        session = [part for part in rest if part.startswith("ses-")]
        touch(root.joinpath(subject, *session, "anat", f"{name}.nii.gz"))


def _files(root: Path) -> dict[str, dict[str, str]]:
    cases = index_cohort(root).cases
    return {case.id: {name: path.name.split(".")[0] for name, path in case.paths.items()} for case in cases}


def test_suffix_and_entities_say_the_contrast(tmp_path: Path) -> None:
    names = ("T1w", "ce-gadolinium_T1w", "T2w", "FLAIR", "PDw", "T2starw", "part-mag_T2star", "part-phase_T2starw")
    _anat(tmp_path, *(f"sub-1_{name}" for name in names if name != "part-mag_T2star"))
    found = _files(tmp_path)["sub-1"]
    assert found == {
        "t1": "sub-1_T1w",
        "t1c": "sub-1_ce-gadolinium_T1w",
        "t2": "sub-1_T2w",
        "flair": "sub-1_FLAIR",
        "pd": "sub-1_PDw",
        "t2star": "sub-1_T2starw",
    }
    (told,) = (item for item in index_cohort(tmp_path).left_out if "phase" in item.path.name)
    assert "no magnitude" in told.reason


def test_sessions_are_visits_of_one_subject_which_a_split_holds_together(tmp_path: Path) -> None:
    _anat(tmp_path, *(f"sub-{n}_ses-{visit}_T1w" for n in range(6) for visit in ("pre", "post", "m12")))
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-3\t61\n", encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert len(cohort) == 18
    assert {case.attributes.get("age") for case in cohort.cases if case.subject == "sub-3"} == {"61"}
    split = split_cohort(cohort, SplitOptions(), seed=0)
    assert all(len({split[case.id] for case in cohort.cases if case.subject == f"sub-{n}"}) == 1 for n in range(6))


def test_sessions_have_attributes_of_their_own_and_matched_rows_are_counted(tmp_path: Path) -> None:
    _anat(tmp_path, *(f"sub-0{n}_ses-{visit}_T1w" for n in (1, 2) for visit in ("pre", "post")))
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\tage\nsub-01\tF\t60\nsub-09\tM\t1\n")
    rows = "session_id\tacq_time\tage\nses-pre\t2009-06-15T13:45:30\t61\npost\tn/a\t62\nses-m99\tn/a\t70\n"
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(rows)
    cohort = index_cohort(tmp_path)
    told = {case.id: case.attributes for case in cohort.cases}
    assert told["sub-01_ses-pre"]["sex"] == "F"
    assert [told[f"sub-01_ses-{visit}"]["age"] for visit in ("pre", "post")] == ["61", "62"]
    assert not any("2009" in value for attributes in told.values() for value in attributes.values())
    assert cohort.tables == ("participants.tsv: 1 of 2 rows matched", "sub-01_sessions.tsv: 2 of 3 rows matched")
    assert {item.reason for item in cohort.left_out} >= {"1 row matches no case: sub-01_ses-m99"}


def test_of_several_runs_the_choice_is_named(tmp_path: Path) -> None:
    _anat(tmp_path, *(f"sub-1_{name}" for name in ("run-2_T1w", "run-1_T1w", "acq-fast_T2w", "T2w", "rec-n_run-1_T2w")))
    assert _files(tmp_path)["sub-1"] == {"t1": "sub-1_run-1_T1w", "t2": "sub-1_T2w"}
    (told,) = check_names(index_cohort(tmp_path))
    assert (told.severity, told.code) == ("warning", "other_run")
    assert "sub-1_run-1_T1w.nii.gz is taken" in told.message or "sub-1_T2w.nii.gz is taken" in told.message


def test_between_two_acquisitions_nothing_is_chosen(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_acq-3T_T1w", "sub-1_acq-7T_T1w", "sub-1_T2w")
    assert set(_files(tmp_path)["sub-1"]) == {"t2"}
    assert {item.code for item in index_cohort(tmp_path).left_out} == {"duplicate_contrast"}
    patterns = {"t1": "{case}/anat/*_acq-7T_T1w.nii.gz", "t2": "{case}/anat/*_T2w.nii.gz"}
    assert set(index_cohort(tmp_path, patterns=patterns).cases[0].paths) == {"t1", "t2"}


def test_a_sidecar_tells_of_a_contrast_agent(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_T1w", "sub-1_T2w")
    header = {"Modality": "MR", "ContrastBolusIngredient": "GADOLINIUM"}
    (tmp_path / "sub-1" / "anat" / "sub-1_T1w.json").write_text(json.dumps(header), encoding="utf-8")
    assert set(_files(tmp_path)["sub-1"]) == {"t1c", "t2"}


def test_sidecars_are_inherited_from_the_folders_above(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_ses-a_T1w", "sub-1_ses-b_T1w", "sub-1_ses-b_T2w", "sub-2_T1w")
    (tmp_path / "T1w.json").write_text('{"EchoTime": 0.004, "RepetitionTime": 2.0}', encoding="utf-8")
    (tmp_path / "ses-b_T1w.json").write_text('{"ContrastBolusIngredient": "GADOLINIUM"}', encoding="utf-8")
    (tmp_path / "sub-2" / "sub-2_T1w.json").write_text('{"EchoTime": 0.003}', encoding="utf-8")
    cases = {case.id: case for case in index_cohort(tmp_path).cases}
    assert {name: set(case.paths) for name, case in cases.items()} == {
        "sub-1_ses-a": {"t1"},
        "sub-1_ses-b": {"t1c", "t2"},
        "sub-2": {"t1"},
    }
    assert case_acquisitions(cases["sub-2"]) == {"t1": {"EchoTime": 0.003, "RepetitionTime": 2.0}}
    told = case_acquisitions(cases["sub-1_ses-b"])
    assert told == {"t1c": {"EchoTime": 0.004, "RepetitionTime": 2.0, "ContrastBolusIngredient": 1.0}, "t2": {}}


def test_an_agent_makes_another_kind_of_what_is_no_t1(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_T1w", "sub-1_ce-gadolinium_FLAIR", "sub-1_FLAIR")
    assert _files(tmp_path)["sub-1"] == {"t1": "sub-1_T1w", "flair": "sub-1_FLAIR"}


def test_what_lies_apart_is_no_scan_of_the_data_set(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_T1w")
    _anat(tmp_path / "sourcedata", "sub-1_T1w", "sub-1_T2w")
    assert _files(tmp_path) == {"sub-1": {"t1": "sub-1_T1w"}}
    assert {item.code for item in index_cohort(tmp_path).left_out} == {"ignored"}


def test_of_a_derivative_data_set_what_is_synthetic_is_known(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_desc-preproc_T1w", "sub-1_space-MNI152_desc-preproc_T1w", "sub-1_desc-synth_T2w")
    (case,) = index_cohort(tmp_path).cases
    assert {name: is_imputed(path) for name, path in case.paths.items()} == {"t1": False, "t2": True}
    assert case.paths["t1"].name.startswith("sub-1_desc-preproc")


def test_other_data_types_and_what_bidsignore_names_are_left_out(tmp_path: Path) -> None:
    _anat(tmp_path, "sub-1_T1w", "sub-1_T2w", "sub-2_T1w", "sub-2_rec-bad_T2w", "sub-2_T2w")
    touch(tmp_path / "sub-1" / "func" / "sub-1_task-rest_bold.nii.gz", tmp_path / "sub-1" / "dwi" / "sub-1_dwi.nii.gz")
    (tmp_path / ".bidsignore").write_text("# not yet\n*_rec-bad_*\nsub-1/\n!sub-1/**/*_T1w.nii.gz\n", encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert _files(tmp_path) == {"sub-1": {"t1": "sub-1_T1w"}, "sub-2": {"t1": "sub-2_T1w", "t2": "sub-2_T2w"}}
    reasons = {item.path.name: item.reason for item in cohort.left_out}
    assert reasons["sub-2_rec-bad_T2w.nii.gz"] == "named in .bidsignore"
    (tmp_path / ".bidsignore").unlink()
    codes = {item.path.name: item.code for item in index_cohort(tmp_path).left_out}
    assert codes["sub-1_task-rest_bold.nii.gz"] == codes["sub-1_dwi.nii.gz"] == "other_type"


@pytest.mark.parametrize(("pipeline", "taken"), [("manual_masks", True), ("labels", True), ("fmriprep", False)])
def test_label_maps_are_those_that_hands_made(tmp_path: Path, pipeline: str, taken: bool) -> None:
    _anat(tmp_path, "sub-1_T1w", "sub-1_T2w")
    _anat(tmp_path / "derivatives" / pipeline, "sub-1_dseg", "sub-1_space-x_T1w", "sub-1_desc-brain_mask")
    assert ("labels" in _files(tmp_path)["sub-1"]) == taken
