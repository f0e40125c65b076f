"""Which real cases a model has seen, and which contrast is compared."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.evaluation.privacy.members import _DEFORMING, Origin, common_contrast, find_members, find_origins
from voxlate.io import DrawRecord, FileRecord, ModelRecord, Provenance, file_digest
from voxlate.shapes import SHAPES


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    found = []
    for number in range(3):
        paths = {name: tmp_path / f"{number}_{name}.nii" for name in ("ct", "labels")}
        for name, path in paths.items():
            path.write_text(f"{name} {number}")
        found.append(Case(f"case{number}", f"case{number}", paths))
    return found


def _seen(folder: Path, digests: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seen.json").write_text(json.dumps(digests))
    return folder


def test_any_file_of_a_case_makes_it_a_member(cases: list[Case], tmp_path: Path) -> None:
    digests = [file_digest(cases[0].paths["ct"]), file_digest(cases[2].paths["labels"])]
    found = find_members(cases, synthetic=_seen(tmp_path / "synthetic", digests), given=None)
    assert found.ids == {"case0", "case2"}
    assert found.source == "seen.json"


@pytest.mark.parametrize("place", ["run/bundle", "bundle"])
def test_a_run_or_bundle_tells_it(cases: list[Case], tmp_path: Path, place: str) -> None:
    _seen(tmp_path / place, [file_digest(cases[1].paths["ct"])])
    found = find_members(cases, synthetic=tmp_path, given=tmp_path / place.split("/", maxsplit=1)[0])
    assert found.ids == {"case1"}


def test_a_split_tells_it(cases: list[Case], tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("case,subject,part\ncase0,case0,train\ncase1,case1,test\ncase2,case2,validation\n")
    assert find_members(cases, synthetic=tmp_path, given=split).ids == {"case0", "case2"}


def test_without_a_list_all_are_members_and_no_source_is_named(cases: list[Case], tmp_path: Path) -> None:
    found = find_members(cases, synthetic=tmp_path, given=None)
    assert len(found.ids) == 3
    assert not found.source


def test_lists_that_tell_nothing_are_refused(cases: list[Case], tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="names none"):
        find_members(cases, synthetic=_seen(tmp_path / "other", ["0" * 64]), given=None)
    with pytest.raises(ReadError, match="hexadecimal"):
        find_members(cases, synthetic=_seen(tmp_path / "damaged", ["yes"]), given=None)
    with pytest.raises(UsageError, match="list of what the model has seen"):
        find_members(cases, synthetic=tmp_path, given=tmp_path / "absent")


def test_the_contrast_in_common_is_taken_and_several_are_listed() -> None:
    def case(*names: str) -> list[Case]:
        return [Case("a", "a", {name: Path(name) for name in names})]

    assert common_contrast(case("ct", "labels"), case("ct", "labels", "mr"), wanted=None) == "ct"
    assert common_contrast(case("t1", "t2"), case("t1", "t2"), wanted="t2") == "t2"
    with pytest.raises(UsageError, match="Name one of t1, t2"):
        common_contrast(case("t1", "t2"), case("t1", "t2"), wanted=None)
    with pytest.raises(UsageError, match="same contrast"):
        common_contrast(case("ct", "labels"), case("mr", "labels"), wanted=None)


def test_an_image_made_from_a_scan_or_a_label_map_names_the_patient(cases: list[Case], tmp_path: Path) -> None:
    made = []
    for number, name in ((1, "ct"), (2, "labels")):
        path = tmp_path / f"synthetic{number}.nii"
        source = FileRecord(contrast=name, name="x", sha256=file_digest(cases[number].paths[name]))
        told = Provenance(synthetic=True, sources=(source,), target="mr", unit="a.u.")
        path.with_suffix(".json").write_text(told.model_dump_json())
        made.append(Case(f"synthetic{number}", f"synthetic{number}", {"mr": path}))
    found = find_origins(made, cases, contrast="mr")
    assert found == {"synthetic1": Origin("scan", "case1"), "synthetic2": Origin("label map", "case2")}
    assert str(found["synthetic2"]) == "made from a label map of case2"
    assert find_origins([Case("b", "b", {"mr": tmp_path / "none.nii"})], cases, contrast="mr") == {}


def test_of_drawn_label_maps_only_deformed_ones_show_a_patient(cases: list[Case], tmp_path: Path) -> None:
    made = []
    for shapes in ("statistical", "deformed"):
        path = tmp_path / f"{shapes}_labels.nii"
        told = Provenance(synthetic=True, drawn=DrawRecord(shapes=shapes, seed=1, number=1), target="labels", unit="")
        path.with_suffix(".json").write_text(told.model_dump_json())
        made.append(Case(shapes, shapes, {"mr": tmp_path / f"{shapes}_mr.nii", "labels": path}))
    found = find_origins(made, cases, contrast="mr")
    assert found == {"deformed": Origin("deformed label map")}
    assert str(found["deformed"]) == "made from a deformed label map of the training data"
    assert _DEFORMING in SHAPES


def test_what_a_program_made_from_an_unknown_source_may_show_anybody(cases: list[Case], tmp_path: Path) -> None:
    def made(name: str, comment: str = "", told: Provenance | None = None) -> Path:
        path = tmp_path / f"{name}.nii"
        image = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4))
        image.header["descrip"] = comment.encode()
        nib.save(image, path)
        if told is not None:
            path.with_suffix(".json").write_text(told.model_dump_json())
        return path

    def of(*sources: Path, drawn: str = "", model: bool = True) -> Provenance:
        return Provenance(
            synthetic=True,
            sources=tuple(FileRecord(contrast="x", name=one.name, sha256=file_digest(one)) for one in sources),
            model=ModelRecord(name="m", digest="0" * 64) if model else None,
            drawn=DrawRecord(shapes=drawn, seed=1, number=1) if drawn else None,
            target="mr",
            unit="a.u.",
        )

    mark = of().comment()
    scan, drawn = made("scan"), made("drawn", mark, of(drawn="statistical"))
    between = made("between", mark, of(drawn))
    synthetic = {
        "header": {"mr": made("header", mark)},
        "elsewhere": {"mr": made("elsewhere", mark, of(scan))},
        "beside": {"mr": made("unmarked", mark, of(scan)), "ct": scan},
        "sourceless": {"mr": made("sourceless", "", of())},
        "damaged": {"mr": made("damaged", mark)},
        "drawn": {"mr": made("rendered", mark, of(drawn)), "labels": drawn},
        "chained": {"mr": made("chained", mark, of(between)), "ct": between, "labels": drawn},
        "real": {"mr": made("real", mark, of(cases[1].paths["labels"]))},
        "simulated": {"mr": made("simulated", of(model=False).comment(), of(model=False))},
        "stranger": {"mr": scan},
    }
    (tmp_path / "damaged.json").write_text('{"software": "voxlate", "synthetic": 3}')
    found = find_origins([Case(name, name, paths) for name, paths in synthetic.items()], cases, contrast="mr")
    untold = ("header", "elsewhere", "beside", "sourceless", "damaged")
    assert found == {**dict.fromkeys(untold, Origin()), "real": Origin("label map", "case1")}
    assert "source that is not known" in str(Origin())
