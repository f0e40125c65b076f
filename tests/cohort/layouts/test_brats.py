from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import voxlate
from tests.cohort.scans import touch
from tests.conftest import SMALL
from voxlate.cohort import index_cohort
from voxlate.cohort.labels.classes import group_labels
from voxlate.cohort.labels.conventions import LABEL_NAMES
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.cohort.preflight.names import check_names
from voxlate.contrast import get_contrast
from voxlate.io import read_volume, write_volume
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

EARLY = ("t1", "t1ce", "t2", "flair", "seg")
LATE = ("t1n", "t1c", "t2w", "t2f", "seg")


def _write(root: Path, case: str, names: tuple[str, ...], separator: str) -> None:
    touch(*(root / case / f"{case}{separator}{name}.nii.gz" for name in names))


def test_names_until_2021(tmp_path: Path) -> None:
    _write(tmp_path / "HGG", "BraTS19_CBICA_AAB_1", EARLY, "_")
    _write(tmp_path / "LGG", "Brats18_TCIA10_103_1", EARLY, "_")
    _write(tmp_path, "BraTS2021_00000", EARLY, "_")
    _write(tmp_path, "BraTS20_Training_001", EARLY, "_")
    cohort = index_cohort(tmp_path)
    assert cohort.layout == "brats"
    assert {case.id: (case.subject, case.attributes.get("grade")) for case in cohort.cases} == {
        "Brats18_TCIA10_103_1": ("Brats18_TCIA10_103", "LGG"),
        "BraTS19_CBICA_AAB_1": ("BraTS19_CBICA_AAB", "HGG"),
        "BraTS20_Training_001": ("BraTS20_Training_001", None),
        "BraTS2021_00000": ("BraTS2021_00000", None),
    }
    assert {case.attributes["label_convention"] for case in cohort.cases} == {"brats2017"}
    assert all(set(case.paths) == {"t1", "t1c", "t2", "flair", "labels"} for case in cohort.cases)


def test_names_since_2023(tmp_path: Path) -> None:
    for case in ("BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-MEN-00004-000"):
        _write(tmp_path, case, LATE, "-")
    cases = index_cohort(tmp_path).cases
    assert [case.subject for case in cases] == ["BraTS-GLI-00001", "BraTS-GLI-00001", "BraTS-MEN-00004"]
    assert {case.attributes["label_convention"] for case in cases} == {"brats2023"}
    assert cases[0].paths["t1"].name == "BraTS-GLI-00001-000-t1n.nii.gz"
    assert cases[0].paths["flair"].name == "BraTS-GLI-00001-000-t2f.nii.gz"


@pytest.mark.parametrize("case", ["BraTS-PED-00001-000", "BraTS-MEN-RT-0001-1", "BraTS-GoAT-00001-000"])
def test_other_challenges_have_no_adult_names(tmp_path: Path, case: str) -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:4], labels[4:6] = 1, 4
    for name in ("t1n", "t2w"):
        touch(tmp_path / case / f"{case}-{name}.nii.gz")
    write_volume(Volume(labels, np.eye(4), get_contrast("labels")), tmp_path / case / f"{case}-seg.nii.gz")
    cohort = index_cohort(tmp_path)
    (told,) = check_names(cohort)
    assert (told.severity, told.code) == ("warning", "label_convention")
    assert "label_convention" in told.message
    assert labelling_of(cohort.cases).names == {1: "label 1", 4: "label 4"}
    (tmp_path / "cases.csv").write_text(f"case,label_convention\n{case},brats-ped2024\n", encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert list(check_names(cohort)) == []
    assert labelling_of(cohort.cases).names[1] == "enhancing tumour"
    assert group_labels("regions", cohort.cases, "labels")["enhancing tumour"] == (1,)
    (tmp_path / "cases.csv").write_text(f"case,label_convention\n{case},brats24\n", encoding="utf-8")
    assert ["'brats24'" in finding.message for finding in check_names(index_cohort(tmp_path))] == [True]


def test_the_phantom_is_named_alike_and_has_more_contrasts(tmp_path: Path) -> None:
    _write(tmp_path, "Phantom-00001-000", (*LATE, "pd", "in_phase", "ct"), "-")
    (tmp_path / "participants.tsv").write_text("participant_id\tgrade\nPhantom-00001-000\tHGG\n", encoding="utf-8")
    (case,) = index_cohort(tmp_path).cases
    assert case.subject == "Phantom-00001"
    assert set(case.paths) == {"t1", "t1c", "t2", "flair", "labels", "pd", "in_phase", "ct"}
    assert case.attributes == {"grade": "HGG", "label_convention": "brats2023"}


@pytest.mark.parametrize("name", ["W39_1998.09.19_Segm.nii", "BraTS19_XX_1_t1w2.nii.gz", "BraTS19_XX_1.nii.gz"])
def test_other_names_are_left_out(tmp_path: Path, name: str) -> None:
    _write(tmp_path, "BraTS19_XX_1", EARLY, "_")
    touch(tmp_path / "BraTS19_XX_1" / name)
    assert [item.path.name for item in index_cohort(tmp_path).left_out] == [name]


def test_translated_scans_are_read_beside_the_challenges_own(tmp_path: Path) -> None:
    touch(*(tmp_path / "BraTS19_XX_1" / f"BraTS19_XX_1_{name}.nii.gz" for name in ("t1c", "flair", "labels")))
    touch(tmp_path / "BraTS-GLI-00001-001" / "BraTS-GLI-00001-001_in_phase.nii.gz")
    first, second = index_cohort(tmp_path).cases
    assert set(first.paths) | set(second.paths) == {"t1c", "flair", "labels", "in_phase"}
    assert {first.subject, second.subject} == {"BraTS-GLI-00001", "BraTS19_XX_1"}


def test_one_case_in_two_folders_is_ambiguous(tmp_path: Path) -> None:
    for grade in ("HGG", "LGG"):
        _write(tmp_path / grade, "BraTS19_XX_1", EARLY[:2], "_")
    _write(tmp_path / "LGG", "BraTS19_XX_2", EARLY, "_")
    cohort = index_cohort(tmp_path)
    assert [case.id for case in cohort.cases] == ["BraTS19_XX_2"]
    assert len(cohort.left_out) == 4


def _write_2015(cohort: Path, root: Path) -> None:
    """The phantom as the challenge of 2015 laid out its cases: a folder per scan, MetaImage, a text file beside it."""
    for number, case in enumerate(sorted(cohort.glob("Phantom-*")), start=1):
        names = {"t1n": "MR_T1", "t1c": "MR_T1c", "t2w": "MR_T2", "t2f": "MR_Flair", "seg": "OT"}
        for code, (ours, theirs) in enumerate(names.items(), start=100 * number):
            [scan] = case.glob(f"*-{ours}.nii.gz")
            prefix = "VSD.Brain_3more" if ours == "seg" else "VSD.Brain"
            name = f"{prefix}.XX.O.{theirs}.{code}"
            folder = root / ("HGG" if number % 2 else "LGG") / f"brats_tcia_pat{number // 2:03d}_{number:04d}" / name
            folder.mkdir(parents=True)
            volume = read_volume(scan)
            array = volume.array.astype(np.uint8) if ours == "seg" else volume.array
            write_volume(Volume(array, volume.affine), folder / f"{name}.mha")
            (folder / "license_CC_by_nc_sa_3.0.txt").write_text("a licence", encoding="utf-8")


def test_names_until_2015_are_indexed_as_they_lie_and_trained_on(phantom_cohort: Path, tmp_path: Path) -> None:
    root = tmp_path / "BRATS2015_Training"
    _write_2015(phantom_cohort, root)
    cohort = index_cohort(root)
    assert cohort.layout == "brats"
    assert len(cohort) == 6
    first = cohort.cases[0]
    assert set(first.paths) == {"t1", "t1c", "t2", "flair", "labels"}
    assert first.attributes == {"label_convention": "brats2015", "grade": "HGG"}
    assert {case.id: case.subject for case in cohort.cases}["brats_tcia_pat001_0002"] == "brats_tcia_pat001"
    assert [case.subject for case in cohort.cases].count("brats_tcia_pat001") == 2, "two times of one patient"
    assert {item.code for item in cohort.left_out} == {"not_an_image"}
    assert index_cohort(root / "HGG").cases[0].id == first.id
    assert LABEL_NAMES["brats2015"][4] == "enhancing tumour"
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "training.steps": 2})
    run = train_run(root, recipe, tmp_path / "run").folder
    result = voxlate.evaluate(run, root, out=tmp_path / "evaluation")
    assert {"necrosis", "oedema"} <= {row[0] for row in result.rows}


def test_scans_until_2015_may_lie_right_in_the_folder_of_their_case(tmp_path: Path) -> None:
    touch(*(tmp_path / "pat_0001" / f"VSD.Brain.XX.O.{name}.7.mha" for name in ("MR_T1", "MR_T2", "OT")))
    touch(tmp_path / "pat_0001" / "VSD.Brain.XX.O.MR_XY.8.mha")
    cohort = index_cohort(tmp_path)
    [case] = cohort.cases
    assert (case.id, set(case.paths)) == ("pat_0001", {"t1", "t2", "labels"})
    assert [item.path.name for item in cohort.left_out] == ["VSD.Brain.XX.O.MR_XY.8.mha"]
