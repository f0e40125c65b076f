"""T1 to CT on the phantom from end to end: what an evaluation of a CT says, recomputed from its files."""

from __future__ import annotations

import csv
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner

import voxlate
from tests.conftest import SMALL
from tests.io.dicom.crafted import write_series as write_dicom
from tests.io.dicom.test_outline import write_outline
from tests.program import run_here
from voxlate.cli import app
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.evaluation.ct.density import ELECTRON_DENSITY, MASS_DENSITY
from voxlate.io import read_maker, read_volume
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.workflows.result import Result

Scores = dict[tuple[str, str, str], tuple[float, str]]


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads") / "cohort"
    voxlate.phantom(folder, cases=4, seed=1, size=32, contrasts=("t1", "ct"))
    return folder


@pytest.fixture(scope="module")
def run(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "target": "ct", "training.steps": 6})
    return train_run(heads, recipe, tmp_path_factory.mktemp("ct") / "run").folder


@pytest.fixture(scope="module")
def evaluated(run: Path, heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated") / "evaluation"
    result = voxlate.evaluate(run, heads, out=out)
    told = {(row[0], row[1]) for row in result.rows}
    assert {("bone", "MAE"), ("foreground", "bone Dice"), ("foreground", "water path error, front to back")} <= told
    assert ("bone", "SSIM") not in told
    return out


def _scores(folder: Path) -> Scores:
    with (folder / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(r["method"], r["region"], r["metric"]): (float(r["value"] or "nan"), r["unit"]) for r in rows}


def test_scores_are_in_hounsfield_units_by_tissue(evaluated: Path) -> None:
    scores = _scores(evaluated)
    assert {region for _, region, _ in scores} >= {"foreground", "lesion", "air", "soft tissue", "bone"}
    assert scores["model", "bone", "mae"][1] == "HU"
    for method in ("identity", "lookup", "model"):
        assert 0 <= scores[method, "foreground", "bone_dice"][0] <= 1
        assert 0 < scores[method, "foreground", "ms_ssim_synthrad"][0] < 1
        assert scores[method, "foreground", "psnr_synthrad"][0] >= scores[method, "foreground", "psnr"][0] - 1e-9
        for name in ("wepl_ap", "wepl_lr", "wepl_centre"):
            value, unit = scores[method, "foreground", name]
            assert (0 < value < 200, unit) == (True, "mm")
    assert scores["lookup", "foreground", "wepl_ap"][0] < scores["identity", "foreground", "wepl_ap"][0]


def test_the_page_has_a_section_for_ct(evaluated: Path) -> None:
    page = (evaluated / "report.html").read_text(encoding="utf-8")
    for told in ("As CT", "bone Dice", "MS-SSIM as SynthRAD", "Soft tissue", "water path error, left to right (mm)"):
        assert told in page
    assert "<dt>water paths</dt><dd>relative electron density, after Schneider et al. 2000</dd>" in page


def test_tissues_and_bone_recomputed_from_the_files(evaluated: Path, run: Path, heads: Path, tmp_path: Path) -> None:
    """With NumPy alone, on the whole grid, inside the foreground that the written file shows."""
    with (evaluated / "scores.csv").open(encoding="utf-8") as file:
        case = index_cohort(heads).case(next(csv.DictReader(file))["case"])
    voxlate.translate(run, case.paths["t1"], out=tmp_path / "ct.nii.gz")
    written, truth = (read_volume(path).array.astype(float) for path in (tmp_path / "ct.nii.gz", case.paths["ct"]))
    inside = written != -1024
    scores = _scores(evaluated)
    for region, tissue in (("bone", truth > 250), ("soft tissue", (truth >= -200) & (truth <= 250))):
        expected = np.abs(written - truth)[inside & tissue].mean()
        assert scores["model", region, "mae"][0] == pytest.approx(expected, abs=1.0)
    found, real = (written > 250) & inside, (truth > 250) & inside
    assert scores["model", "foreground", "bone_dice"][0] == pytest.approx(
        2 * (found & real).sum() / (found.sum() + real.sum()), abs=5e-3
    )


def test_a_calibration_of_the_clinic_changes_only_the_paths(
    evaluated: Path, run: Path, heads: Path, tmp_path: Path
) -> None:
    table = tmp_path / "twice.csv"
    table.write_text(
        "hu,density\n-1000,0.0022\n-98,1.866\n14,2.048\n23,2.048\n100,2.204\n101,2.128\n1600,3.636\n3071,5.118\n"
    )
    voxlate.evaluate(run, heads, out=tmp_path / "again", calibration=table)
    before, after = _scores(evaluated), _scores(tmp_path / "again")
    assert before.keys() == after.keys()
    for key, (value, _) in before.items():
        expected = 2 * value if key[2].startswith("wepl") else value
        assert after[key][0] == pytest.approx(expected, rel=1e-6, nan_ok=True), key
    assert "twice.csv" in (tmp_path / "again" / "report.html").read_text(encoding="utf-8")


def test_mr_has_no_section_for_ct_and_takes_no_calibration(
    trained: Path, phantom_cohort: Path, evaluated_run: Result, tmp_path: Path
) -> None:
    assert "As CT" not in evaluated_run.page.read_text(encoding="utf-8")
    assert not any(metric.startswith(("wepl", "bone")) for _, _, metric in _scores(evaluated_run.page.parent))
    table = tmp_path / "table.csv"
    table.write_text("hu,density\n-1000,0\n0,1\n")
    with pytest.raises(UsageError, match="where the target is CT"):
        voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "out", calibration=table)


def test_densities_of_a_whole_scan(heads: Path) -> None:
    density = MASS_DENSITY.apply(read_volume(index_cohort(heads).cases[0].paths["ct"]).array)
    assert density.min() >= 0
    assert 1.6 < density.max() < 2.4


def test_gamma_pass_rates_on_demand(evaluated: Path, run: Path, heads: Path, tmp_path: Path) -> None:
    pytest.importorskip("pymedphys", reason="no pymedphys: pip install 'voxlate[gamma]'")
    table = tmp_path / "vacuum.csv"
    table.write_text("hu,density\n-1000,0\n3000,0\n")
    arguments = [str(run), str(heads), "--aspect", "fidelity", "--aspect", "dose"]
    for out, options in (("dose", []), ("vacuum", ["--calibration", str(table)])):
        told = CliRunner().invoke(
            app, ["evaluate", *arguments, "--out", str(tmp_path / out), *options], env={"COLUMNS": "200"}
        )
        assert told.exit_code == 0, told.output
        assert "gamma pass rate, 2 %/2 mm" in told.output
    before, after, vacuum = _scores(evaluated), _scores(tmp_path / "dose"), _scores(tmp_path / "vacuum")
    methods = ("identity", "lookup", "model")
    assert after.keys() - before.keys() == {(m, "foreground", f"gamma_{n}_{n}") for m in methods for n in (2, 3)}
    for method in methods:
        strict, loose = (after[method, "foreground", name] for name in ("gamma_2_2", "gamma_3_3"))
        assert 0 <= strict[0] <= loose[0] <= 100
        assert (strict[1], vacuum[method, "foreground", "gamma_2_2"]) == ("%", (100.0, "%"))
    page = (tmp_path / "dose" / "report.html").read_text(encoding="utf-8")
    assert "gamma pass rate, 2 %/2 mm (%)" in page
    assert "a stand-in, no dose engine" in page
    assert "gamma_3_3" in (tmp_path / "dose" / "summary.json").read_text(encoding="utf-8")


def test_dose_needs_a_ct_and_its_package(
    trained: Path, phantom_cohort: Path, run: Path, heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="CT as the target"):
        voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "out", aspects=("fidelity", "dose"))
    monkeypatch.setitem(sys.modules, "pymedphys", None)
    with pytest.raises(UsageError, match=r"pip install 'voxlate\[gamma\]'"):
        voxlate.evaluate(run, heads, out=tmp_path / "out", aspects=("dose",))
    assert not (tmp_path / "out").exists()


def test_densities_are_written_beside_a_ct(run: Path, heads: Path, trained: Path, tmp_path: Path) -> None:
    scan = index_cohort(heads).cases[0].paths["t1"]
    [outcome] = voxlate.translate(run, scan, out=tmp_path / "ct.nii.gz", density=True)
    made, density = read_volume(tmp_path / "ct.nii.gz"), read_volume(tmp_path / "ct_electron_density.nii.gz")
    assert outcome.status == "done"
    assert density.grid.matches(made.grid)
    assert np.allclose(density.array, ELECTRON_DENSITY.apply(made.array), atol=1e-5)
    assert read_maker(tmp_path / "ct_electron_density.nii.gz") == "model"
    [again] = voxlate.translate(run, scan, out=tmp_path / "ct.nii.gz", density=True)
    assert again.status == "skipped"
    (tmp_path / "own.csv").write_text("hu,density\n-1000,0\n1000,4\n", encoding="utf-8")
    [anew] = voxlate.translate(run, scan, out=tmp_path / "ct.nii.gz", density=tmp_path / "own.csv", overwrite=True)
    assert anew.status == "done"
    assert read_volume(tmp_path / "ct_electron_density.nii.gz").array.max() > 1.9
    with pytest.raises(UsageError, match=r"a CT for --density, got t2"):
        voxlate.translate(trained, scan, out=tmp_path / "t2.nii.gz", density=True)
    with pytest.raises(UsageError, match=r"an ensemble for --doubt, got one model"):
        voxlate.translate(run, scan, out=tmp_path / "other.nii.gz", doubt=True)


def test_four_commands_lead_from_dicom_to_dicom(heads: Path, tmp_path: Path) -> None:
    pytest.importorskip("pymedphys", reason="no pymedphys: pip install 'voxlate[gamma]'")
    for number, case in enumerate(index_cohort(heads).cases):
        for name, modality in {"t1": "MR", "ct": "CT"}.items():
            volume = read_volume(case.paths[name])
            where = tmp_path / "patients" / f"p{number}" / modality
            series = {"SeriesInstanceUID": f"1.2.{number}.{len(name)}.{modality == 'CT':d}", "Modality": modality}
            write_dicom(where, np.rint(volume.array), volume.affine, StudyInstanceUID=f"1.2.{number}", **series)
        mask = read_volume(case.paths["ct"]).array > -400
        contours = {plane: [_around(mask[:, :, plane])] for plane in range(32) if mask[:, :, plane].sum() > 4}
        place = tmp_path / "patients" / f"p{number}" / "RTSTRUCT" / "RS.dcm"
        write_outline(place, volume.affine, contours, series=f"1.2.{number}.2.1")
    shutil.copytree(tmp_path / "patients" / "p0" / "MR", tmp_path / "new" / "MR")
    page = (Path(__file__).parent.parent / "docs" / "do" / "mr-to-ct.md").read_text(encoding="utf-8")
    commands = page.split("<!-- four commands -->\n```bash\n")[1].split("```")[0].strip().splitlines()
    assert len(commands) == 4
    small = "training.epochs=null --set training.steps=2 --set method.network.channels=[4,8]"
    for command in commands:
        words = shlex.split(command.replace("training.minutes=60", small), comments=True)
        told = run_here(*words[1:], cwd=tmp_path)
        assert told.returncode == 0, told.stdout + told.stderr
    assert "kind: file" in (tmp_path / "run" / "plan.yaml").read_text(encoding="utf-8")
    assert ("model", "foreground", "gamma_2_2") in _scores(tmp_path / "evaluation")
    made, scan = read_volume(tmp_path / "answer" / "MR_ct"), read_volume(tmp_path / "new" / "MR")
    one = dcmread(tmp_path / "answer" / "MR_ct" / "IM0001.dcm")
    assert (one.Modality, one.RescaleType, one.SyntheticData) == ("CT", "HU", "YES")
    assert made.grid.matches(scan.grid)
    density = dcmread(tmp_path / "answer" / "MR_ct_electron_density" / "IM0001.dcm")
    values = np.frombuffer(density.FloatPixelData, "<f4").reshape(32, 32, 32)
    assert np.allclose(np.sort(values, axis=None), np.sort(ELECTRON_DENSITY.apply(made.array), axis=None), atol=1e-4)


def _around(mask: np.ndarray) -> np.ndarray:
    """The ellipse that a slice of a body fills, as a polygon of columns and rows."""
    places = np.argwhere(mask)
    centre, half = places.mean(axis=0), (np.ptp(places, axis=0) + 1) / 2
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return centre + half * np.stack([np.cos(angles), np.sin(angles)], axis=1)
