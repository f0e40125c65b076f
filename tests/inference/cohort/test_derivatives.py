"""Where output may go, and what the tables beside it say."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import Cohort, index_cohort
from voxlate.errors import UsageError
from voxlate.inference.cohort.derivatives import check_place, write_completed, write_description
from voxlate.inference.cohort.outcome import Outcome, sum_up


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    touch(*(root / case / f"{name}.nii.gz" for case in ("a", "b") for name in ("t1", "t2")))
    (root / "derivatives" / "other").mkdir(parents=True)
    return root


def as_table(root: Path) -> Path:
    """The same cases as a CSV beside their folders."""
    path = root / "cases-of-mine.csv"
    path.write_text("case,t1,t2\na,a/t1.nii.gz,a/t2.nii.gz\nb,b/t1.nii.gz,b/t2.nii.gz\n")
    return path


@pytest.mark.parametrize("place", [".", "a", "a/deeper", "new", "new/deeper", "b/../a"])
def test_a_place_among_the_originals_is_refused(data: Path, place: str) -> None:
    with pytest.raises(UsageError, match="derivatives"):
        check_place(data / place, index_cohort(data))


@pytest.mark.parametrize("place", ["../out", "derivatives/voxlate", "Derivatives/x/y"])
def test_a_place_apart_from_them_is_taken(data: Path, place: str) -> None:
    check_place(data / place, index_cohort(data))
    assert not (data / place).exists()


def test_a_link_to_the_originals_is_seen_through(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data / "a")
    with pytest.raises(UsageError, match="apart"):
        check_place(tmp_path / "link", index_cohort(data))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").symlink_to(data / "b")
    with pytest.raises(UsageError, match="apart"):
        check_place(tmp_path / "out", index_cohort(data))


def test_beside_a_table_any_folder_of_its_own_will_do(data: Path) -> None:
    cohort = index_cohort(as_table(data))
    check_place(data / "imputed", cohort)
    for place in (data, data / "a"):
        with pytest.raises(UsageError, match="apart"):
            check_place(place, cohort)


def _other_program(folder: Path) -> None:
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "x", "GeneratedBy": [{"Name": "fMRIPrep"}]}))


def _damaged(folder: Path) -> None:
    (folder / "dataset_description.json").write_text("[1, 2")


def _table(folder: Path) -> None:
    (folder / "completed.csv").write_text("task\n")


@pytest.mark.parametrize("fill", [_other_program, _damaged, _table])
def test_what_another_program_wrote_is_left_alone(data: Path, fill: Callable[[Path], None]) -> None:
    folder = data / "derivatives" / "other"
    fill(folder)
    with pytest.raises(UsageError, match="another program's"):
        check_place(folder, index_cohort(data))


def test_the_description_is_that_of_a_derivative(data: Path) -> None:
    folder = data / "derivatives" / "voxlate"
    folder.mkdir()
    write_description(folder, index_cohort(data))
    values = json.loads((folder / "dataset_description.json").read_text())
    assert (values["DatasetType"], values["BIDSVersion"][:4]) == ("derivative", "1.10")
    assert values["GeneratedBy"][0]["Name"] == "Voxlate"
    assert values["SourceDatasets"] == [{"URL": "../.."}]
    check_place(folder, index_cohort(data))


def completed(cohort: Cohort, folder: Path) -> list[dict[str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    write_completed([], cohort, folder)
    with (folder / "completed.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_attributes_that_a_manifest_would_misread_are_renamed_or_left_out(data: Path, tmp_path: Path) -> None:
    columns = ("participant_id", "PET", "Case", "photo", "note", "imputed")
    lines = (columns, ("a", "yes", "1", "x.nii", "a, b", "t2"), ("b", "no", "2", "n/a", "n/a", "n/a"))
    (data / "participants.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    rows = completed(index_cohort(data), tmp_path / "out")
    assert list(rows[0]) == ["case", "subject", "t1", "t2", "attribute_Case", "attribute_PET", "note", "imputed"]
    assert [row["imputed"] for row in rows] == ["", ""]
    again = index_cohort(tmp_path / "out" / "completed.csv")
    assert [case.attributes.get("attribute_PET") for case in again.cases] == ["yes", "no"]
    assert again.cases[0].attributes["note"] == "a, b"


def test_the_table_survives_links_and_moves_with_its_data(data: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "deep" / "out"
    real.mkdir(parents=True)
    (tmp_path / "out").symlink_to(real)
    (data / "a" / "t2.nii.gz").unlink()
    (data / "a" / "t2.nii.gz").symlink_to(Path("..") / "b" / "t2.nii.gz")
    completed(index_cohort(data), tmp_path / "out")
    found = index_cohort(tmp_path / "out" / "completed.csv")
    assert not found.left_out
    assert [len(case.paths) for case in found.cases] == [2, 2]
    completed(index_cohort(data), data / "derivatives" / "voxlate")
    shutil.move(data, tmp_path / "moved")
    moved = index_cohort(tmp_path / "moved" / "derivatives" / "voxlate" / "completed.csv")
    assert [len(case.paths) for case in moved.cases] == [2, 2]


def outcomes(**counts: int) -> list[Outcome]:
    """Outcomes for FLAIR; ``had_done`` is one that was made although the scan is there."""
    made = []
    for name, count in counts.items():
        status = name.removeprefix("had_")
        has = name.startswith("had_") or status == "present"
        made += [Outcome(str(number), status, target="flair", has_target=has) for number in range(count)]  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {"done": 2, "skipped": 1, "present": 9},
            "3 of 12 cases lack FLAIR and were filled; 9 have it and were left alone (--all translates them too).",
        ),
        (
            {"done": 1, "present": 1},
            "1 of 2 cases lacks FLAIR and was filled; 1 has it and was left alone (--all translates them too).",
        ),
        (
            {"done": 1, "failed": 1, "cannot": 1, "present": 1},
            "3 of 4 cases lack FLAIR: 1 was filled, 2 could not be; 1 has it and was left alone (--all translates them too).",  # noqa: E501
        ),
        ({"done": 3}, "3 of 3 cases lack FLAIR and were filled."),
        ({"present": 4}, "No case lacks FLAIR: 4 were left alone (--all translates them too)."),
        ({"had_done": 3, "had_failed": 1}, "No case lacks FLAIR, so every one is translated: 3 of 4 were."),
        (
            {"done": 2, "had_done": 1, "had_cannot": 1},
            "3 of 4 cases were translated to FLAIR, those that have it already included.",
        ),
    ],
)
def test_the_sentence_counts_what_was_done(counts: dict[str, int], sentence: str) -> None:
    assert sum_up(outcomes(**counts)) == [sentence]
