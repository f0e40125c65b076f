"""Images that a model made are told from scans, and from the simulated scans of the phantom."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import images, write_case
from voxlate.cohort import Finding, index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.cohort.synthetic import is_imputed, real_contrasts, scans_only
from voxlate.errors import ReadError
from voxlate.io import ModelRecord, Provenance, sidecar_path, write_volume
from voxlate.volume import Volume

CASES = ("a", "b", "c")
MODEL = ModelRecord(name="some-model", digest="0" * 64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three cases; a model made the FLAIR of two, a simulation the T2 of one."""
    for seed, case in enumerate(CASES):
        scans = images(seed)
        write_case(tmp_path / case, {name: scans[name] for name in ("t1", "t2", "flair")})
    for case, name, model in (("a", "flair", MODEL), ("b", "flair", MODEL), ("c", "t2", None)):
        provenance = Provenance(synthetic=True, model=model, target=name, unit="a.u.")
        volume = Volume(images(CASES.index(case))[name], np.eye(4))
        write_volume(volume, tmp_path / case / f"{name}.nii.gz", provenance=provenance, overwrite=True)
    return tmp_path


def _synthetic(root: Path, **use: object) -> list[Finding]:
    found = preflight(index_cohort(root), **use)  # type: ignore[arg-type]
    return [finding for finding in found if finding.code == "synthetic"]


def test_the_images_of_a_model_are_not_real_and_those_of_a_simulation_are(root: Path) -> None:
    first, _, last = index_cohort(root).cases
    assert set(real_contrasts(first)) == {"t1", "t2"}
    assert set(real_contrasts(last)) == {"t1", "t2", "flair"}
    assert is_imputed(first.paths["flair"])


def test_the_preflight_counts_them(root: Path) -> None:
    (finding,) = _synthetic(root)
    assert (finding.severity, finding.case) == ("warning", "")
    assert "2 of the 3 images of FLAIR (a, b)" in finding.message


def test_as_sources_they_are_for_the_record(root: Path) -> None:
    assert [one.severity for one in _synthetic(root, source=["flair"], target="t1")] == ["info"]
    assert [one.severity for one in _synthetic(root, source=["t1"], target="flair")] == ["warning"]
    assert _synthetic(root, source=["t1"], target="t2") == []


def test_a_damaged_sidecar_is_named(root: Path) -> None:
    case = index_cohort(root).case("c")
    sidecar = sidecar_path(case.paths["t2"])
    sidecar.write_text(sidecar.read_text().replace('"synthetic": true', '"synthetic": "perhaps"'))
    with pytest.raises(ReadError, match=r"t2\.json"):
        real_contrasts(case)
    assert any(one.case == "c" and "t2.json" in one.message for one in _synthetic(root))


def test_a_copy_without_its_sidecar_is_still_a_models(root: Path, tmp_path: Path) -> None:
    """Found by the preflight, and left out where scans are wanted, under another name and in another format."""
    copy = tmp_path / "copies" / "d"
    copy.mkdir(parents=True)
    for old, new in (("a/flair.nii.gz", "FLAIR.nii.gz"), ("c/t2.nii.gz", "T2.nii.gz"), ("a/t1.nii.gz", "T1.nii.gz")):
        shutil.copy(root / old, copy / new)
    cohort = index_cohort(copy.parent)
    assert set(real_contrasts(cohort.cases[0])) == {"t1", "t2"}
    assert "1 of the 1 images of FLAIR (d)" in next(one.message for one in _synthetic(copy.parent))
    assert set(scans_only(cohort, but=["flair"]).cases[0].paths) == {"t1", "t2", "flair"}
