"""Names of a derivative data set: suffix, folder and space; labels of subjects and sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import Case, Cohort
from voxlate.errors import UsageError
from voxlate.inference.cohort.filing import Filing, without_suffix
from voxlate.io import write_volume
from voxlate.volume import Volume


def cohort_of(*cases: Case) -> Cohort:
    return Cohort(Path("data"), "folders", cases)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("flair", "anat/sub-01_ses-x_desc-synth_FLAIR.nii.gz"),
        ("t1c", "anat/sub-01_ses-x_ce-gadolinium_desc-synth_T1w.nii.gz"),
        ("pd", "anat/sub-01_ses-x_desc-synth_PDw.nii.gz"),
        ("labels", "anat/sub-01_ses-x_desc-synth_dseg.nii.gz"),
        ("pet", "pet/sub-01_ses-x_desc-synth_pet.nii.gz"),
        ("ct", "ct/sub-01_ses-x_desc-synth_ct.nii.gz"),
        ("in_phase", "anat/sub-01_ses-x_desc-synth_inphase.nii.gz"),
    ],
)
def test_a_contrast_has_its_suffix_and_folder(target: str, name: str) -> None:
    case = Case("sub-01_ses-x", "sub-01", {})
    filing = Filing.of(cohort_of(case), Path("out"), bids=True)
    assert filing.path(case, target) == Path("out/sub-01/ses-x") / name
    assert ("ct" in without_suffix(), "inphase" in without_suffix(), "t2" in without_suffix()) == (True, True, False)


def test_where_scans_lie_on_several_grids_the_space_is_named(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(6, 6, 6)).astype(np.float32)
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("t1", "t2")}
    for spacing, path in enumerate(paths.values(), 1):
        write_volume(Volume(array, np.diag([spacing, 1.0, 1.0, 1.0])), path)
    case = Case("a", "a", paths)
    filing = Filing.of(cohort_of(case), tmp_path, bids=True)
    assert filing.path(case, "flair").name == "sub-a_space-individual_desc-synth_FLAIR.nii.gz"
    alone = Case("b", "b", {"t1": paths["t1"]})
    assert Filing.of(cohort_of(alone), tmp_path, bids=True).path(alone, "flair").name == "sub-b_desc-synth_FLAIR.nii.gz"


def test_other_ids_are_made_to_labels_unless_two_would_be_one() -> None:
    first, second = Case("p_1_visit2", "p_1", {}), Case("p1_visit2", "p1", {})
    assert Filing.of(cohort_of(first), Path("out"), bids=True).home(first) == Path("out/sub-p1/ses-visit2")
    assert Filing.of(cohort_of(first, second), Path("out"), bids=False).home(first) == Path("out/p_1_visit2")
    with pytest.raises(UsageError, match="p_1_visit2 and p1_visit2"):
        Filing.of(cohort_of(first, second), Path("out"), bids=True)
