"""The same six patients in every form in which people keep scans: one cohort."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import write
from voxlate.cohort import Cohort, index_cohort
from voxlate.cohort.draft import write_draft
from voxlate.cohort.preflight.names import check_names
from voxlate.errors import CohortError
from voxlate.io import file_digest

PATIENTS = [f"p{n:02d}" for n in range(1, 7)]
CONTRASTS = ("t1", "t1c", "t2", "flair")
SHAPE = (5, 4, 3)
Put = Callable[[str, str], Path | None]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The files of the six patients, each with voxels of its own; labels of two lesions."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(0)
    files = {}
    for patient in PATIENTS:
        for name in (*CONTRASTS, "labels"):
            array = rng.integers(0, 3 if name == "labels" else 1000, SHAPE, dtype=np.int16)
            files[patient, name] = write(folder / patient / f"{name}.nii.gz", array)
    return files


def _lay(root: Path, scans: dict[tuple[str, str], Path], form: Put) -> Path:
    for (patient, name), file in scans.items():
        place = form(patient, name)
        if place is not None:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, root / place)
    return root


def _named(form: str, **words: str) -> Put:
    """A form in which ``{p}`` is the patient and ``{c}`` the word for a contrast."""
    return lambda p, name: Path(form.format(p=p, c=words.get(name, name)))


_BIDS = {"t1": "T1w", "t1c": "ce-gadolinium_T1w", "t2": "T2w", "flair": "FLAIR", "labels": "label-lesion_mask"}
_UPPER = {"t1": "T1", "t1c": "T1GD", "t2": "T2", "flair": "FLAIR", "labels": "labels"}
_SERIES = {
    "t1": ("3_t1_mprage_sag", {"SeriesDescription": "t1_mprage_sag_iso", "EchoTime": 0.003, "InversionTime": 0.9}),
    "t1c": ("9_t1_mprage_sag", {"ProtocolName": "t1_mprage_sag", "EchoTime": 0.003, "ContrastBolusAgent": "Gadovist"}),
    "t2": ("4_tse_tra", {"EchoTime": 0.1, "RepetitionTime": 5.0, "SeriesDescription": "ax 448"}),
    "flair": ("5_tirm", {"SeriesDescription": "t2_tirm_tra", "EchoTime": 0.09, "InversionTime": 2.5}),
}


def _bids(p: str, name: str) -> Path:
    under = Path("derivatives/manual_masks") if name == "labels" else Path()
    return under / f"sub-{p}" / "anat" / f"sub-{p}_{_BIDS[name]}.nii.gz"


def _sessions(p: str, name: str) -> Path:
    under = Path("derivatives/labels") if name == "labels" else Path()
    return under / f"sub-{p}" / "ses-1" / "anat" / f"sub-{p}_ses-1_{_BIDS[name]}.nii.gz"


def _nnunet(p: str, name: str) -> Path:
    if name == "labels":
        return Path(f"labelsTr/{p}.nii.gz")
    return Path(f"imagesTr/{p}_{CONTRASTS.index(name):04d}.nii.gz")


def _dcm2niix(p: str, name: str) -> Path:
    return Path(p) / f"{_SERIES[name][0] if name in _SERIES else 'labels'}.nii.gz"


def _brainlesion(p: str, name: str) -> Path:
    word = {"flair": "fla", "labels": "seg_nnunet"}.get(name, name)
    return Path(p) / f"{p}_{word}.nii.gz"


FORMS: dict[str, tuple[Put, str]] = {
    "ours": (_named("{p}/{c}.nii.gz"), "folders"),
    "bids": (_bids, "bids"),
    "bids with sessions": (_sessions, "bids"),
    "flat": (_named("{p}_{c}.nii.gz", **_UPPER), "flat"),
    "flat, contrast first": (_named("{c}_{p}.nii.gz", **_UPPER), "flat"),
    "flat, contrast first, other words": (_named("{c}-sub-{p}.nii.gz", t1="T1w", t1c="T1_GD", t2="T2w"), "flat"),
    "a folder per contrast": (_named("{c}/{p}.nii.gz", **_UPPER), "contrasts"),
    "ixi": (_named("IXI-{c}/{p}-Guys-0828-{c}.nii.gz", **_UPPER), "contrasts"),
    "patient, contrast": (_named("{p}/{c}/image.nii.gz", **_UPPER), "contrasts"),
    "nnunet": (_nnunet, "pairs"),
    "nnunet without labels": (lambda p, name: _nnunet(p, name) if name != "labels" else None, "pairs"),
    "brainlesion": (_brainlesion, "folders"),
    "dcm2niix": (_dcm2niix, "folders"),
}


def _facts(cohort: Cohort) -> dict[str, dict[str, str]]:
    """From a patient to the voxels of each contrast; a patient is known by the first three letters of the subject."""
    return {
        case.subject.removeprefix("sub-")[:3]: {name: file_digest(path) for name, path in sorted(case.paths.items())}
        for case in cohort.cases
    }


def _beside(root: Path, form: str) -> None:
    """What lies beside the images in a form."""
    if form.startswith("nnunet"):
        names = {str(n): name for n, name in enumerate(("T1", "T1ce", "T2", "FLAIR"))}
        (root / "dataset.json").write_text(json.dumps({"channel_names": names}), encoding="utf-8")
    if form == "dcm2niix":
        for p in PATIENTS:
            for stem, header in _SERIES.values():
                (root / p / f"{stem}.json").write_text(json.dumps({"Modality": "MR", **header}), encoding="utf-8")
    if form.startswith("bids"):
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}', encoding="utf-8")


@pytest.fixture(scope="module")
def ours(scans: dict[tuple[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _lay(tmp_path_factory.mktemp("ours"), scans, FORMS["ours"][0])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_cohort(
    form: str, scans: dict[tuple[str, str], Path], ours: Path, tmp_path: Path
) -> None:
    put, layout = FORMS[form]
    _beside(_lay(tmp_path, scans, put), form)
    cohort, expected = index_cohort(tmp_path), _facts(index_cohort(ours))
    if "without labels" in form:
        expected = {p: {name: value for name, value in of.items() if name != "labels"} for p, of in expected.items()}
    assert (cohort.layout, len(cohort)) == (layout, 6)
    assert _facts(cohort) == expected
    assert [finding for finding in check_names(cohort) if finding.severity != "info"] == []


def test_the_folder_above_a_data_set_is_told_from_it(scans: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    _lay(tmp_path / "raw" / "Dataset001_Heads", scans, _nnunet)
    with pytest.raises(CohortError, match=r"Give the folder that imagesTr lies in: .*Dataset001_Heads\."):
        index_cohort(tmp_path / "raw")
    with pytest.raises(CohortError, match=r"there is none that says what the channels 0, 1, 2, 3 show"):
        index_cohort(_lay(tmp_path / "bare", scans, lambda p, name: _nnunet(p, name) if name != "labels" else None))


_LETTERS = {"t1": "A", "t1c": "B", "t2": "C", "flair": "D", "labels": "E"}


def test_folders_that_name_no_contrast_need_a_pattern(
    scans: dict[tuple[str, str], Path], ours: Path, tmp_path: Path
) -> None:
    _lay(tmp_path, scans, _named("train{c}/{p}.nii.gz", **_LETTERS))
    with pytest.raises(CohortError, match=r"--pattern t1='trainA/\{case\}\.nii\.gz'"):
        index_cohort(tmp_path)
    patterns = {name: f"train{letter}/{{case}}.nii.gz" for name, letter in _LETTERS.items()}
    assert _facts(index_cohort(tmp_path, patterns=patterns)) == _facts(index_cohort(ours))


def test_a_manifest_is_drafted_corrected_and_read(
    scans: dict[tuple[str, str], Path], ours: Path, tmp_path: Path
) -> None:
    draft = write_draft(tmp_path / "ours.csv", ours, index_cohort(ours))
    assert _facts(index_cohort(draft)) == _facts(index_cohort(ours))
    data = _lay(tmp_path / "data", scans, _named("train{c}/{p}.nii.gz", **_LETTERS))
    draft = write_draft(tmp_path / "cases.csv", data)
    text = draft.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "case,subject,?trainA,?trainB,?trainC,?trainD,?trainE"
    with pytest.raises(CohortError, match="call it by a contrast"):
        index_cohort(draft)
    for name, letter in _LETTERS.items():
        text = text.replace(f"?train{letter}", name, 1)
    draft.write_text(text, encoding="utf-8")
    assert _facts(index_cohort(draft)) == _facts(index_cohort(ours))
