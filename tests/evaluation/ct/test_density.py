"""Densities: the default tables recomputed from published formulas and compositions, and the user's own table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.errors import ReadError, UsageError
from voxlate.evaluation.ct.density import ELECTRON_DENSITY, MASS_DENSITY, Calibration, read_calibration

ELECTRONS_PER_MASS = {
    "H": 1 / 1.008, "C": 6 / 12.011, "N": 7 / 14.007, "O": 8 / 15.999, "Na": 11 / 22.990, "Mg": 12 / 24.305,
    "P": 15 / 30.974, "S": 16 / 32.06, "Cl": 17 / 35.45, "Ar": 18 / 39.948, "K": 19 / 39.098, "Ca": 20 / 40.078,
    "Fe": 26 / 55.845,
}  # fmt: skip
TISSUES = {  # g/cm3, and per cent by mass: air at sea level; Woodard and White 1986
    "air": (0.00121, {"N": 75.5, "O": 23.2, "Ar": 1.3}),
    "adipose": (0.93, {"H": 11.6, "C": 68.1, "N": 0.2, "O": 19.8, "Na": 0.1, "S": 0.1, "Cl": 0.1}),
    "adrenal": (1.03, {"H": 10.6, "C": 28.4, "N": 2.6, "O": 57.8, "P": 0.1, "S": 0.2, "Cl": 0.2, "K": 0.1}),
    "intestine": (
        1.03,
        {"H": 10.6, "C": 11.5, "N": 2.2, "O": 75.1, "Na": 0.1, "P": 0.1, "S": 0.1, "Cl": 0.2, "K": 0.1},
    ),
    "connective": (1.12, {"H": 9.4, "C": 20.7, "N": 6.2, "O": 62.2, "Na": 0.6, "S": 0.6, "Cl": 0.3}),
    "cortical bone": (
        1.92,
        {"H": 3.4, "C": 15.5, "N": 4.2, "O": 43.5, "Na": 0.1, "Mg": 0.2, "P": 10.3, "S": 0.3, "Ca": 22.5},
    ),
    "red marrow": (
        1.03,
        {"H": 10.5, "C": 41.4, "N": 3.4, "O": 43.9, "P": 0.1, "S": 0.2, "Cl": 0.2, "K": 0.2, "Fe": 0.1},
    ),
    "yellow marrow": (0.98, {"H": 11.5, "C": 64.4, "N": 0.7, "O": 23.1, "Na": 0.1, "S": 0.1, "Cl": 0.1}),
    "muscle": (
        1.05,
        {"H": 10.2, "C": 14.3, "N": 3.4, "O": 71.0, "Na": 0.1, "P": 0.2, "S": 0.3, "Cl": 0.1, "K": 0.4},
    ),
}


def _relative(name: str) -> float:
    """Electrons of a volume of tissue relative to water's."""
    density, composition = TISSUES[name]
    assert sum(composition.values()) == pytest.approx(100, abs=0.05)
    hydrogen = 2 * 1.008 / (2 * 1.008 + 15.999)
    water = hydrogen * ELECTRONS_PER_MASS["H"] + (1 - hydrogen) * ELECTRONS_PER_MASS["O"]
    return density * sum(part / 100 * ELECTRONS_PER_MASS[symbol] for symbol, part in composition.items()) / water


@pytest.mark.parametrize(
    ("hu", "formula"),
    [
        (np.linspace(-98, 14, 30), lambda h: 1.018 + 0.893e-3 * h),
        (np.linspace(14, 23, 5), lambda h: 1.03 + 0 * h),
        (np.linspace(23, 100, 30), lambda h: 1.003 + 1.169e-3 * h),
        (np.linspace(101, 3071, 200), lambda h: 1.017 + 0.592e-3 * h),
        (np.array([-549.0]), lambda h: (0.00121 + 0.930) / 2 + 0 * h),
    ],
)
def test_mass_density_is_the_fit_of_schneider_2000(hu: np.ndarray, formula: object) -> None:
    assert MASS_DENSITY.apply(hu) == pytest.approx(formula(hu), abs=6e-4)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("hu", "tissue"), [(-1000, "air"), (-98, "adipose"), (14, "adrenal"), (23, "intestine"), (100, "connective")]
)
def test_electron_density_of_the_tissues_of_the_fit(hu: float, tissue: str) -> None:
    assert ELECTRON_DENSITY.apply(np.float64(hu)) == pytest.approx(_relative(tissue), abs=6e-4)


@pytest.mark.parametrize("hu", [101, 400, 1000, 1525.3, 3071])
def test_electron_density_of_bone_is_that_of_marrow_with_cortical_bone(hu: float) -> None:
    """Marrow is red and yellow in equal mass; a CT number tells the mass density, that the parts of the mixture."""
    marrow_density = 1 / (0.5 / 1.03 + 0.5 / 0.98)
    marrow = marrow_density * 0.5 * (_relative("red marrow") / 1.03 + _relative("yellow marrow") / 0.98)
    part = (1.017 + 0.592e-3 * hu - marrow_density) / (1.92 - marrow_density)
    expected = (1 - part) * marrow + part * _relative("cortical bone")
    assert ELECTRON_DENSITY.apply(np.float64(hu)) == pytest.approx(expected, abs=1e-3)


def test_electron_densities_agree_with_published_ones() -> None:
    assert _relative("muscle") == pytest.approx(1.040, abs=1e-3)
    assert _relative("cortical bone") == pytest.approx(1.781, abs=1e-3)
    hu = np.arange(-1000, 3072)
    thomas = np.where(hu <= 100, 1 + hu / 1000, 1 + hu / 1950)
    apart = np.abs(ELECTRON_DENSITY.apply(hu) - thomas)
    assert apart[hu <= 100].max() < 0.04
    assert apart[hu > 100].max() < 0.02


def test_densities_keep_shape_and_ends_and_nan() -> None:
    hu = np.array([[-3000, 9000], [0, 1]], dtype=np.int16)
    found = ELECTRON_DENSITY.apply(hu)
    assert (found.shape, found.dtype) == ((2, 2), np.float64)
    assert found[0].tolist() == [ELECTRON_DENSITY.density[0], ELECTRON_DENSITY.density[-1]]
    assert np.isnan(MASS_DENSITY.apply(np.array([np.nan, 0.0]))).tolist() == [True, False]


def _table(folder: Path, text: str) -> Path:
    path = folder / "scanner.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_clinic_gives_its_own_table(tmp_path: Path) -> None:
    text = "\ufeffHU, density\n-1000,0.001\n\n0,1.0\n 1500 , 1.75\n"
    found = read_calibration(_table(tmp_path, text))
    assert found == Calibration("scanner.csv", (-1000.0, 0.0, 1500.0), (0.001, 1.0, 1.75))
    assert found.apply(np.array([750.0])) == pytest.approx([1.375])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "an empty file"),
        ("hu,rho\n0,1\n1,2\n", "the columns hu,rho"),
        ("0,1\n1,2\n", "the columns 0,1"),
        ("hu,density\n0,1\n", "1 CT numbers"),
        ("hu,density\n100,1.1\n0,1\n", "0 HU after 100 HU"),
        ("hu,density\n0,1\n0,1.1\n", "0 HU after 0 HU"),
        ("hu,density\n-1000,-0.1\n0,1\n", "the density -0.1"),
        ("hu,density\n-1000,0\n0,nan\n", "not finite"),
        ("hu,density\n-1000,0\n0,one\n", "the row '0,one'"),
        ("hu,density\n-1000,0\n0,1,2\n", "the row '0,1,2'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ReadError, match=r"scanner\.csv") as refused:
        read_calibration(_table(tmp_path, text))
    assert told in str(refused.value)


def test_a_table_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError):
        read_calibration(tmp_path / "absent.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ReadError):
        read_calibration(tmp_path / "image.csv")
    with pytest.raises(UsageError, match="negative"):
        Calibration("mine", (0.0, 1.0), (1.0, -1.0))
