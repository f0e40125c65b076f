"""What label maps mark: decided by the convention or by the names that files give, never by the values."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.cohort.labels.test_classes import LABELS, case
from voxlate.cohort import index_cohort
from voxlate.cohort.labels.classes import group_labels
from voxlate.cohort.labels.labelling import Labelling, label_values, labelling_of
from voxlate.config.plan import Reading
from voxlate.io.label_names import read_label_names
from voxlate.regions import LESION, STRUCTURES, in_words, union_in

HEART = {"0": "background", "1": "left ventricle", "2": "myocardium", "4": "aorta"}


@pytest.mark.parametrize(
    ("names", "union"),
    [
        (HEART, STRUCTURES),
        ({"background": 0, "Anterior": 1, "Posterior": 2}, STRUCTURES),
        ({"0": "background", "1": "liver", "2": "cancer"}, STRUCTURES),  # all labels together are no lesion
        ({"0": "background", "1": "edema", "2": "non-enhancing tumor", "4": "enhancing tumour"}, LESION),
        ({"background": 0, "WMH": 1, "other pathology": 2}, LESION),
        ({"1": "label 1", "2": "Class_2"}, STRUCTURES),  # names that say nothing
        ({"whole tumour": [1, 2, 4]}, LESION),
        ({}, STRUCTURES),
        (None, STRUCTURES),
    ],
)
def test_names_of_a_data_set_decide(tmp_path: Path, names: dict[str, object] | None, union: str) -> None:
    if names is not None:
        (tmp_path / "dataset.json").write_text(json.dumps({"name": "x", "labels": names}))
    found = labelling_of([case("a", tmp_path, LABELS)])
    assert found.union == union
    assert found.of_structures == (union == STRUCTURES)
    assert list(found.names) == [1, 2, 4]


def test_names_in_both_writings_and_only_of_values_that_occur(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    cases = [case("a", tmp_path / "labels", LABELS)]
    for names in ({**HEART, "9": "spleen"}, {name: int(value) for value, name in HEART.items()}):
        (tmp_path / "dataset.json").write_text(json.dumps({"labels": names}))
        assert labelling_of(cases).names == {1: "left ventricle", 2: "myocardium", 4: "aorta"}
        assert group_labels("each", cases, "labels") == {"left ventricle": (1,), "myocardium": (2,), "aorta": (4,)}


def test_names_of_a_sidecar_and_of_a_header(tmp_path: Path) -> None:
    one = case("a", tmp_path, LABELS)
    (tmp_path / "a.json").write_text(json.dumps({"labels": {"1": "spleen"}}))
    assert labelling_of([one]) == Labelling({1: "spleen", 2: "label 2", 4: "label 4"}, STRUCTURES)
    image = nib.Nifti1Image(LABELS, np.eye(4))
    table = "".join(f'<Label Key="{key}" Red="0.5"><![CDATA[{name}]]></Label>' for key, name in HEART.items())
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, f"<CaretExtension>{table}</CaretExtension>".encode()))
    (tmp_path / "b").mkdir()
    nib.save(image, tmp_path / "b" / "labels.nii.gz")
    [found] = index_cohort(tmp_path / "b").cases
    assert labelling_of([found]) == Labelling({1: "left ventricle", 2: "myocardium", 4: "aorta"}, STRUCTURES)


def test_conventions_decide_without_a_look_at_files(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "liver"}}))
    assert labelling_of([case("a", tmp_path, LABELS, label_convention="brats2017")]).union == LESION
    assert labelling_of([case("b", tmp_path, LABELS, label_convention="mmwhs")]).of_structures
    assert labelling_of([case("c", tmp_path, LABELS, label_convention="lesions")]).union == LESION
    (tmp_path / "dataset.json").unlink()
    told = labelling_of([case("d", tmp_path, LABELS, label_convention="structures")])
    assert told == Labelling({1: "label 1", 2: "label 2", 4: "label 4"}, STRUCTURES)


def test_names_that_clash_or_are_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cases = [case("a", tmp_path, LABELS), case("b", tmp_path, LABELS)]
    for file, names in (("a", {"1": "liver", "2": "lung", "4": "lung"}), ("b", {"1": "spleen", "2": "lung"})):
        (tmp_path / f"{file}.json").write_text(json.dumps({"labels": names}))
    assert labelling_of(cases).names == {1: "label 1", 2: "lung (label 2)", 4: "lung (label 4)"}
    assert "several names to the labels [1]" in caplog.text
    for text in ("{", "[]", '{"labels": [1]}', '{"labels": {"x": "y", "3": true}}'):
        (tmp_path / "a.json").write_text(text)
        (tmp_path / "b.json").write_text(text)
        assert labelling_of(cases).union == STRUCTURES
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "foreground", "2": "labels", "4": "aorta"}}))
    assert list(labelling_of(cases).names.values()) == ["foreground (label 1)", "labels (label 2)", "aorta"]


def test_one_value_needs_a_name_to_be_a_region_of_its_own(tmp_path: Path) -> None:
    one = [case("a", tmp_path, LABELS // 4)]
    assert labelling_of(one) == Labelling({}, STRUCTURES)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "lesion"}}))
    assert labelling_of(one) == Labelling({}, LESION)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "aorta"}}))
    assert labelling_of(one) == Labelling({1: "aorta"}, STRUCTURES)


@pytest.mark.parametrize(
    ("name", "union"), [("a_lesion", LESION), ("a_tumour_mask", LESION), ("a_seg", STRUCTURES), ("tumour", STRUCTURES)]
)
def test_without_names_the_files_decide_by_what_they_are_called(tmp_path: Path, name: str, union: str) -> None:
    one = case(name, tmp_path, LABELS)
    assert labelling_of([replace(one, id="tumour" if name == "tumour" else "a")]).union == union


def test_where_files_say_nothing_the_folders_above_them_do(tmp_path: Path) -> None:
    for home, union in (("open_ms", LESION), ("Glioma study", LESION), ("msd_hippocampus", STRUCTURES)):
        folder = tmp_path / home / "patient19"
        folder.mkdir(parents=True)
        for name in ("GOLD_STANDARD", "patient19_seg", "hippocampus"):
            one = replace(case(name, folder, LABELS), id="patient19")
            assert labelling_of([one]).union == (STRUCTURES if name == "hippocampus" else union), (home, name)


def test_words() -> None:
    assert (in_words(STRUCTURES), in_words(LESION), in_words("aorta")) == ("labelled structures", "lesion", "aorta")
    assert union_in(["foreground", "labels"]) == "labels"
    assert union_in(["foreground", "aorta"]) is None


def test_an_extension_without_a_bound_is_not_unpacked(tmp_path: Path) -> None:
    """The header of a file of 200 kB says that 200 MiB of extensions follow."""
    size = 200 * 2**20
    header = nib.Nifti1Header()
    header.set_data_shape((2, 2, 2))
    header["vox_offset"], header["magic"] = 352 + size, b"n+1"
    extension = np.array([size, 0], dtype=header.structarr.dtype["sizeof_hdr"]).tobytes()
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + b"\1\0\0\0" + extension + bytes(size), compresslevel=1))
    tracemalloc.start()
    assert read_label_names(path) == {}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_accepted_readings_hold_and_one_bad_map_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, bad = case("a", tmp_path, LABELS), case("b", tmp_path, LABELS * 0.5)
    image = nib.load(one.paths["labels"])
    image.set_qform(np.diag([1.0, 1, 1, 1]) + 3 * np.eye(4)[[3, 0, 1, 2]].T, 1)
    nib.save(image, one.paths["labels"])
    assert labelling_of([one]).names == {}  # refused, and told
    assert "on_affine_conflict" in caplog.text
    reading = Reading(on_affine_conflict="sform")
    assert label_values([one], reading=reading) == [1, 2, 4]
    assert group_labels("each", [one], "labels", reading=reading) == {f"label {n}": (n,) for n in (1, 2, 4)}
    assert list(labelling_of([one, bad], reading=reading).names) == [1, 2, 4]
    assert "the label map of case b is left out" in caplog.text
