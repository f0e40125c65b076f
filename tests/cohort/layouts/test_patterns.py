"""Patterns: what they match, what they tell, how a run keeps them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.cohort.scans import touch
from voxlate.cli import app
from voxlate.cohort import index_cohort
from voxlate.cohort.layouts.patterns import parse_pattern
from voxlate.errors import UsageError
from voxlate.training.setup.begin import load_cohort
from voxlate.verbs import check, resolve_recipe
from voxlate.verbs.calls import laid_out, patterns_kept

pytestmark = pytest.mark.usefixtures("undeclared")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    touch(*(tmp_path / "data" / f"p{n}" / "nii" / f"x{n}_{name}.nii.gz" for n in (1, 2) for name in "AB"))
    return tmp_path / "data"


PATTERNS = {"t1": "{case}/nii/*_A.nii.gz", "t2": "{case}/**/x?_B.nii.gz"}


def test_they_place_files_where_no_layout_does(data: Path) -> None:
    cohort = index_cohort(data, patterns=PATTERNS)
    assert (cohort.layout, cohort.left_out) == ("pattern", ())
    assert {case.id: {name: path.name for name, path in case.paths.items()} for case in cohort.cases} == {
        f"p{n}": {"t1": f"x{n}_A.nii.gz", "t2": f"x{n}_B.nii.gz"} for n in (1, 2)
    }


def test_names_in_braces_become_subjects_sessions_and_attributes(tmp_path: Path) -> None:
    touch(*(tmp_path / "Oslo" / f"anna-{visit}" / f"anna-{visit}.T1.nii" for visit in "ab"))
    cohort = index_cohort(tmp_path, patterns={"t1": "{site}/{subject}-{session}/{subject}-{session}.T1.nii"})
    assert [(case.id, case.subject, dict(case.attributes)) for case in cohort.cases] == [
        (f"anna_{visit}", "anna", {"site": "Oslo", "session": visit}) for visit in "ab"
    ]


def test_what_they_leave_out_is_a_warning(data: Path) -> None:
    found = check(data, pattern={"t1": PATTERNS["t1"]}).findings
    assert ("warning", "no_pattern") in {(severity, code) for severity, _, code, _ in found}


def test_a_run_keeps_them_and_its_data_set_is_found_again(data: Path, tmp_path: Path) -> None:
    texts = [f"{name}={path}" for name, path in PATTERNS.items()]
    recipe = resolve_recipe("avula2020-t1-to-t2", pattern=texts, data=data)
    assert [case.id for case in load_cohort(data, recipe).cases] == ["p1", "p2"]
    run, other = tmp_path / "run", tmp_path / "other"
    touch(run / "recipe.yaml", *(other / "q" / f"{name}.nii.gz" for name in ("T1", "T2")))
    (run / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert patterns_kept(run) == PATTERNS
    with laid_out(data, None, model=run):
        assert index_cohort(data).layout == "pattern"
    with laid_out(other, None, model=run):  # they say nothing of a data set in which they find no case
        assert index_cohort(other).layout == "folders"


def test_one_may_declare_its_contrast(data: Path) -> None:
    assert parse_pattern("swi:mr={case}/nii/*_B.nii.gz") == ("swi", "{case}/nii/*_B.nii.gz")
    patterns = ["t1={case}/nii/*_A.nii.gz", "swi:mr={case}/nii/*_B.nii.gz"]
    recipe = resolve_recipe("avula2020-t1-to-t2", target="swi", pattern=patterns)
    assert (recipe.contrasts["swi"].kind, set(recipe.plan.patterns)) == ("mr", {"t1", "swi"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("t1", "CONTRAST=PATH"),
        ("t1=*/T1.nii.gz", r"\{case\} or \{subject\}"),
        ("t1=/data/{case}.nii", "below the data set's folder"),
        ("t1={case}/{2x}.nii", r"with \{2x\}"),
        ("t1={Case}.nii", r"\{case\}"),
        ("xyz={case}.nii", "the name of a contrast"),
    ],
)
def test_what_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_pattern(text)


def test_one_that_matches_nothing_or_too_much_is_refused(data: Path) -> None:
    with pytest.raises(UsageError, match=r"matches none.*Images there are p1/nii/x1_A\.nii\.gz"):
        index_cohort(data, patterns={"t1": "{case}/T1.nii.gz"})
    with pytest.raises(UsageError, match=r"p1/nii/x1_A\.nii\.gz, which those of t1 and t2 match"):
        index_cohort(data, patterns={"t1": "{case}/**/*.nii.gz", "t2": "{case}/nii/*.nii.gz"})


def test_every_command_that_takes_a_data_set_takes_them() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in ("check", "train", "tune", "ablate", "compare", "translate", "evaluate"):
        assert "--pattern" in {option for parameter in commands[name].params for option in parameter.opts}, name


def test_check_takes_them_and_drafts_a_manifest_which_is_then_accepted(data: Path, tmp_path: Path) -> None:
    draft = tmp_path / "cases.csv"
    options = [text for name, path in PATTERNS.items() for text in ("--pattern", f"{name}={path}")]
    found = CliRunner().invoke(app, ["check", str(data), *options, "--manifest", str(draft), "--json"])
    assert [case["contrasts"] for case in json.loads(found.stdout)["cases"]] == [["t1", "t2"]] * 2
    assert draft.read_text(encoding="utf-8").splitlines()[:2] == [
        "case,subject,t1,t2",
        "p1,p1,data/p1/nii/x1_A.nii.gz,data/p1/nii/x1_B.nii.gz",
    ]
    assert index_cohort(draft).cases[0].paths["t2"].samefile(data / "p1" / "nii" / "x1_B.nii.gz")
    again = CliRunner().invoke(app, ["check", str(data), *options, "--manifest", str(draft)])
    assert "a new file for the manifest" in str(again.exception)
