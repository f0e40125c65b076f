"""Volumes that are computed from others: their values, marks and places, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.evaluation.ct.density import ELECTRON_DENSITY
from voxlate.io import read_provenance, read_volume
from voxlate.io.reading import read_maker

CASE = "Phantom-00001-000"


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=2, size=32, contrasts=["in_phase", "out_phase", "ct"])


@pytest.fixture(scope="module")
def maps(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("maps") / "maps"
    outcomes = voxlate.derive(cohort / CASE, out=out)
    assert [outcome.target for outcome in outcomes] == ["fat", "water", "fat_fraction", "electron_density"]
    assert {outcome.status for outcome in outcomes} == {"done"}
    return out


def made(maps: Path, contrast: str) -> np.ndarray:
    return read_volume(maps / CASE / f"{CASE}_{contrast}.nii.gz").array


def test_fat_and_water_are_half_difference_and_half_sum_and_their_share_has_no_noise(cohort: Path, maps: Path) -> None:
    paths = index_cohort(cohort).case(CASE).paths
    one, other = (read_volume(paths[name]).array.astype(float) for name in ("in_phase", "out_phase"))
    np.testing.assert_allclose(made(maps, "fat"), (one - other) / 2)
    np.testing.assert_allclose(made(maps, "water"), (one + other) / 2)
    share = made(maps, "fat_fraction")
    faint = one <= 0.05 * np.percentile(one, 99.5)
    assert (share[faint] == 0).all()
    expected = np.clip((one - other)[~faint] / 2 / one[~faint], 0, 1)
    np.testing.assert_allclose(share[~faint], expected, rtol=1e-5, atol=1e-6)


def test_electron_density_is_that_of_the_calibration_and_lies_where_the_ct_lies(cohort: Path, maps: Path) -> None:
    ct = read_volume(index_cohort(cohort).case(CASE).paths["ct"])
    density = read_volume(maps / CASE / f"{CASE}_electron_density.nii.gz")
    np.testing.assert_allclose(density.array, ELECTRON_DENSITY.apply(ct.array), atol=1e-6)
    assert density.grid.matches(ct.grid)
    assert density.array.dtype == np.float32


def test_what_is_computed_from_synthetic_scans_is_marked_so_and_names_files_and_formula(maps: Path) -> None:
    path = maps / CASE / f"{CASE}_fat_fraction.nii.gz"
    told = read_provenance(path)
    assert told is not None
    assert (told.synthetic, told.model, told.unit) == (True, None, "1")
    assert [source.contrast for source in told.sources] == ["in_phase", "out_phase"]
    assert "fat: 0.5 (in_phase - out_phase)" in told.notes
    assert read_maker(path) == "simulation"


def test_another_calibration_makes_it_anew_and_the_same_one_does_not(cohort: Path, maps: Path, tmp_path: Path) -> None:
    table = tmp_path / "scanner.csv"
    table.write_text("hu,density\n-1000,0\n0,1\n3000,3\n")
    again = [voxlate.derive(cohort / CASE, out=maps, calibration=table) for _ in range(2)]
    assert [[one.status for one in outcomes] for outcomes in again] == [["skipped"] * 3 + ["done"], ["skipped"] * 4]
    ct = read_volume(index_cohort(cohort).case(CASE).paths["ct"]).array
    np.testing.assert_allclose(made(maps, "electron_density"), np.interp(ct, [-1000, 0, 3000], [0, 1, 3]), atol=1e-6)
    voxlate.derive(cohort / CASE, out=maps, overwrite=True)


def test_what_a_case_lacks_is_told_and_what_it_has_is_left_alone(
    cohort: Path, tmp_path: Path, drawn_once: Callable[..., Path]
) -> None:
    recipe = voxlate.resolve_recipe(
        "t1-to-t2-fcn", overrides={"plan.derive": {"ct": {"operation": "add", "of": ["t1", "t2"]}}}
    )
    outcomes = voxlate.derive(cohort / CASE, out=tmp_path / "more", recipe=recipe, contrasts=["ct", "water"])
    assert [outcome.status for outcome in outcomes] == ["present", "done"]
    heads = drawn_once(cases=2, seed=4, size=32, contrasts=["t1", "t2"])
    outcomes = voxlate.derive(heads, out=tmp_path / "none", contrasts="fat")
    assert [outcome.status for outcome in outcomes] == ["cannot", "cannot"]
    with (tmp_path / "none" / "manifest.csv").open() as file:
        assert {row["reason"] for row in csv.DictReader(file)} == {"no in_phase, no out_phase"}
    with pytest.raises(UsageError, match="in_phase and out_phase"):
        voxlate.derive(heads, out=tmp_path / "nothing")
    with pytest.raises(UsageError, match="fat_fraction"):
        voxlate.derive(heads, out=tmp_path / "nothing", contrasts="t2")
