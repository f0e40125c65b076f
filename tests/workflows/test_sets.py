"""Sets of images on disk: another distribution is told from the same one, and every value names its network."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.evaluation.sets import images
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC
from voxlate.evaluation.sets.embedding import Features, _BundleEmbedder
from voxlate.io import read_volume, write_volume
from voxlate.metrics import metrics_of
from voxlate.workflows import sets
from voxlate.workflows.sets import evaluate_distribution


def _silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def copies(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of T1 images under other ids: as they are, and blurred."""
    found = {}
    for name, sigma in (("same", 0.0), ("blurred", 1.2)):
        found[name] = tmp_path_factory.mktemp(name)
        for number, case in enumerate(index_cohort(phantom_cohort).cases):
            volume = read_volume(case.paths["t1"])
            array = gaussian_filter(volume.array.astype(np.float32), sigma)
            folder = found[name] / f"made{number}"
            folder.mkdir()
            write_volume(volume.with_array(array), folder / f"made{number}_t1.nii.gz")
    return found


@pytest.fixture(scope="module")
def rows(
    trained: Path, phantom_cohort: Path, copies: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    """From a folder to the summary's rows by method and metric."""
    found = {}
    for name, folder in copies.items():
        out = tmp_path_factory.mktemp("out") / name
        done = evaluate_distribution(folder, phantom_cohort, out, features=trained, split="test", report=_silent)
        summary = json.loads((out / "summary.json").read_text())
        found[name] = {(row["method"], row["metric"]): row for row in summary["rows"]}
        digest = read_bundle(trained).digest[:12]
        assert all(digest in row["features"] and row["region"] == "axial" for row in summary["rows"])
        assert all(digest in line[-1] for line in done.rows), "the network beside every value in the terminal"
        page = done.page.read_text()
        assert page.count(digest) > 4
        assert done.sentence in html.unescape(page).replace("\N{NO-BREAK SPACE}", " ")
        with (out / "scores.csv").open() as file:
            scores = list(csv.DictReader(file))
        assert {(s["case"], s["region"], s["method"]) for s in scores} == {
            ("all", "axial", SYNTHETIC),
            ("all", "axial", FLOOR),
        }
        assert [s["metric"] for s in scores if s["method"] == SYNTHETIC] == list(metrics_of("set"))
        assert {"features.png", "distances.png"} == {path.name for path in (out / "figures").iterdir()}
    return found


def test_a_blur_lies_farther_off_than_halves_of_the_real_set(rows: dict[str, Any]) -> None:
    blurred, same = rows["blurred"], rows["same"]
    for metric in ("fid", "kid", "mmd"):
        assert blurred[SYNTHETIC, metric]["value"] > 2 * abs(same[SYNTHETIC, metric]["value"]), metric
        assert blurred[SYNTHETIC, metric]["value"] > 2 * abs(blurred[FLOOR, metric]["value"]), metric
    assert same[SYNTHETIC, "set_precision"]["value"] == same[SYNTHETIC, "set_recall"]["value"] == 1, "copies"
    assert blurred[SYNTHETIC, "set_precision"]["value"] < 0.9
    assert blurred[SYNTHETIC, "mmd"]["p"] < 0.05 < same[SYNTHETIC, "mmd"]["p"]


def test_fid_of_few_slices_says_that_it_was_corrected(rows: dict[str, Any]) -> None:
    found = rows["blurred"][SYNTHETIC, "fid"]
    assert min(found["samples"]) < 2048
    assert "extrapolated" in found["note"]
    assert found["cases"] == [6, 6]


class _Means:
    """A network that sees the mean and the spread of every axial slice."""

    name = "means 0123456789ab"
    dims: Literal[2, 3] = 2

    def embed(self, path: Path) -> Features:
        """Two features per slice that shows something."""
        array = read_volume(path).array.astype(np.float64)
        slices = [array[:, :, k] for k in range(array.shape[2]) if np.ptp(array[:, :, k]) > 0]
        return {"axial": np.array([[part.mean(), part.std()] for part in slices])}


def test_a_model_translates_its_held_out_cases_first(
    trained: Path, phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def load(_: Path, contrast: str) -> _Means:
        asked.append(contrast)
        return _Means()

    monkeypatch.setattr(images, "load_embedder", load)
    heard: list[tuple[str, int, int]] = []
    done = evaluate_distribution(
        trained, phantom_cohort, tmp_path, features=trained, split="test", report=lambda *a: heard.append(a)
    )
    assert asked == ["t2"]
    written = sorted(path.name for path in (tmp_path / "synthetic").rglob("*_t2.nii.gz"))
    assert len(written) == sum(what == "translate" and made > 0 for what, made, _ in heard) >= 1
    assert heard[-1] == ("features", len(written) + 6, len(written) + 6)
    assert "Synthetic T2 lies at a KID" in done.sentence
    assert done.failed == []


def test_an_image_that_is_refused_is_named_and_the_others_go_on(
    copies: dict[str, Path], trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for case in ("made0", "made1", "made2"):
        (folder / case).symlink_to(copies["same"] / case)
    volume = read_volume(copies["same"] / "made0" / "made0_t1.nii.gz")
    (folder / "empty").mkdir()
    write_volume(volume.with_array(np.zeros(volume.shape, np.float32)), folder / "empty" / "empty_t1.nii.gz")
    done = evaluate_distribution(
        folder, phantom_cohort, tmp_path / "out", features=trained, split="test", report=_silent
    )
    assert [case for case, _ in done.failed] == ["empty"]
    assert "could not be used" in done.page.read_text()


class _KilledError(Exception):
    """Stands for whatever ends a process."""


def test_a_comparison_killed_before_its_page_goes_on_without_the_network(
    copies: dict[str, Path], trained: Path, phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(out: Path) -> None:
        evaluate_distribution(copies["same"], phantom_cohort, out, features=trained, split="test", report=_silent)

    def killed(*_: object, **__: object) -> None:
        raise _KilledError

    whole, out = tmp_path / "whole", tmp_path / "out"
    evaluate(whole)
    with monkeypatch.context() as patch:
        patch.setattr(sets, "set_page", killed)
        with pytest.raises(_KilledError):
            evaluate(out)
    assert not (out / "report.html").exists()
    monkeypatch.setattr(_BundleEmbedder, "embed", killed)
    evaluate(out)
    for name in ("scores.csv", "summary.json", "report.html"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_refusals_name_the_remedy(trained: Path, phantom_cohort: Path, copies: dict[str, Path], tmp_path: Path) -> None:
    def evaluate(synthetic: Path, features: Path | None = trained, **options: Any) -> None:
        arguments = {"split": "test", "report": _silent, **options}
        evaluate_distribution(synthetic, phantom_cohort, tmp_path / "out", features=features, **arguments)

    with pytest.raises(UsageError, match=r"network whose features.*no default"):
        evaluate(copies["same"], features=None)
    with pytest.raises(UsageError, match="only source is t2"):
        evaluate(trained)  # it makes T2, and its own features are of T1
    with pytest.raises(UsageError, match=r"one contrast.*flair, labels"):
        evaluate(phantom_cohort)
    with pytest.raises(UsageError, match="split"):
        evaluate(copies["same"], split="train")
    with pytest.raises(UsageError, match="a model or a folder"):
        evaluate(tmp_path / "absent")
