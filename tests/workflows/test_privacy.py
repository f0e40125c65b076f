"""The privacy audit end to end: planted copies are held back, independent images are released, nothing is left over."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tests.evaluation.anatomies import organs, warped
from tests.evaluation.folded_heads import HEAD_SHAPE, deformed, head
from voxlate.errors import CohortError, UsageError
from voxlate.io import FileRecord, Provenance, file_digest, read_volume, write_volume
from voxlate.volume import Volume
from voxlate.workflows import privacy
from voxlate.workflows.result import Result

pytestmark = pytest.mark.usefixtures("coarse_template")

MEMBERS, HELD_OUT = 11, 10
AFFINE = np.diag([5.0, 5.0, 5.0, 1.0])


def _save(folder: Path, case: str, image: NDArray[np.float32], contrast: str = "t1") -> Path:
    path = folder / case / f"{case}_{contrast}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(image, AFFINE), path)
    return path


def _silent(stage: str, done: int, of: int) -> None:
    """Reports nothing."""


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Small pictures, and fewer starts, which is enough for what is drawn here."""
    from voxlate.evaluation.privacy.closer import local_space
    from voxlate.reporting.privacy import page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_DPI", 30)
        patch.setattr(local_space, "_STARTS", 3)
        patch.setattr(local_space, "POSES", local_space.POSES[:2])
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("privacy")
    files = [_save(root / "real", f"real{number:02d}", head(number + 1)) for number in range(MEMBERS + HELD_OUT)]
    synthetic = root / "synthetic"
    shutil.copyfile(files[2], _save(synthetic, "copy", head(3)))
    _save(synthetic, "deformed", deformed(head(4), 7))
    _save(synthetic, "mirrored", deformed(head(5), 8)[::-1])
    for number in range(3):
        _save(synthetic, f"new{number}", head(100 + number))
        _save(synthetic, f"new{number}", (head(100 + number) > 0).astype(np.float32), "labels")
    _save(synthetic, "flat", np.full(HEAD_SHAPE, 7, dtype=np.float32))
    _save(synthetic, "other", head(200), "t2")
    (synthetic / "seen.json").write_text(json.dumps([file_digest(path) for path in files[:MEMBERS]]))
    return root


@pytest.fixture(scope="module")
def out(folders: Path) -> Path:
    return folders / "out"


@pytest.fixture(scope="module")
def audited(folders: Path, out: Path) -> Result:
    return privacy.evaluate_privacy(folders / "synthetic", folders / "real", out, report=_silent)


def _rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def test_planted_copies_wait_and_new_images_are_released(audited: Result, out: Path) -> None:
    released, review = _rows(out / "released.csv"), _rows(out / "review.csv")
    assert set(released) == {"new0", "new1", "new2"}
    assert set(review) == {"copy", "deformed", "mirrored", "flat", "other"}
    nearest = {case: review[case]["nearest_pixel"] for case in ("copy", "deformed", "mirrored")}
    assert nearest == {"copy": "real02", "deformed": "real03", "mirrored": "real04"}
    assert float(review["copy"]["distance_pixel"]) == pytest.approx(0, abs=1e-5)
    for row in released.values():
        assert float(row["distance_pixel"]) > float(row["threshold_pixel"])
    assert audited.sentence.startswith("3 of 6 synthetic T1 images are released.")


def test_what_cannot_be_compared_is_named_and_not_released(audited: Result, out: Path) -> None:
    failed = dict(audited.failed)
    assert set(failed) == {"flat", "other"}
    assert "contrast" in failed["flat"]
    assert "no image of T1" in failed["other"]
    assert not _rows(out / "review.csv")["flat"]["distance_pixel"]
    assert {path.name for path in (out / "released").iterdir()} == {"new0", "new1", "new2"}
    assert {path.name for path in (out / "review").iterdir()} == {"copy", "deformed", "mirrored"}


def test_copies_are_the_files_with_labels_and_sidecars(audited: Result, folders: Path, out: Path) -> None:
    for path in sorted((folders / "synthetic" / "new1").iterdir()):
        assert (out / "released" / "new1" / path.name).read_bytes() == path.read_bytes()
    assert read_volume(out / "released" / "new1" / "new1_labels.nii.gz").shape == HEAD_SHAPE


def test_false_alarms_and_membership_are_told_with_intervals(audited: Result, out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text())
    pixel = summary["spaces"]["pixel"]
    assert summary["members"] == MEMBERS
    assert summary["false_alarms"]["of"] == HELD_OUT
    with (out / "scores.csv").open(newline="") as file:
        held = [row for row in csv.DictReader(file) if row["role"] == "held-out"]
    assert len({row["case"] for row in held}) == HELD_OUT
    counted = {row["case"] for row in held if row["held_back"] == "true"}
    assert summary["false_alarms"]["count"] == len(counted)
    low, high = summary["false_alarms"]["interval"]
    assert low <= len(counted) / HELD_OUT <= high
    assert pixel["membership"]["interval"][0] <= pixel["membership"]["auc"] <= pixel["membership"]["interval"][1]
    assert "chance 0.5" in audited.sentence


def test_the_page_shows_no_patient_and_the_review_page_warns(audited: Result, out: Path) -> None:
    page, review = audited.page.read_text(), (out / "review.html").read_text()
    assert page.count("data:image/png") == 2
    assert "no differential privacy" in page
    assert review.count("data:image/png") == 6  # three that wait and, folded, three that are released
    assert "REAL PATIENTS" in review
    assert not [path for path in (out / "review").rglob("*") if path.name.startswith("real")]


def test_a_rerun_takes_away_what_is_no_longer_released(audited: Result, folders: Path, out: Path) -> None:
    again = folders / "again"
    shutil.copytree(out, again)
    assert (again / "released" / "new0").is_dir()
    privacy.evaluate_privacy(folders / "synthetic", folders / "real", again, distance=5.0, report=_silent)
    assert not (again / "released").exists()
    assert not _rows(again / "released.csv")
    assert len(list((again / "review").iterdir())) == 6


class _KilledError(Exception):
    """Stands for whatever ends a process."""


def _killed(*_: object, **__: object) -> None:
    raise _KilledError


def test_pages_are_drawn_again_without_measuring(
    audited: Result, folders: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = folders / "drawn"
    shutil.copytree(out, drawn)
    monkeypatch.setattr(privacy, "measure_privacy", _killed)
    found = privacy.evaluate_privacy(folders / "synthetic", folders / "real", drawn, report=_silent)
    assert found.sentence == audited.sentence
    files = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert files == {path.relative_to(drawn) for path in drawn.rglob("*") if path.is_file()}
    assert all((drawn / path).read_bytes() == (out / path).read_bytes() for path in files if path.suffix != ".png")
    fewer = folders / "fewer.json"
    fewer.write_text(json.dumps(json.loads((folders / "synthetic" / "seen.json").read_text())[:8]))
    with pytest.raises(_KilledError):  # other members are another question
        privacy.evaluate_privacy(folders / "synthetic", folders / "real", drawn, members=fewer, report=_silent)


def test_an_audit_keeps_no_patient_and_no_evidence_of_another_evaluation(audited: Result, out: Path) -> None:
    assert [path.name for path in (out / "evidence").iterdir()] == ["distances.json"]


@pytest.mark.parametrize("step", ["privacy_page", "copy_cases"])
def test_an_audit_killed_after_measuring_goes_on_and_releases_nothing_before_it_ends(
    step: str, folders: Path, out: Path, audited: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    shutil.copytree(out, killed)
    (killed / "evidence" / "0123456789abcdef.npz").write_bytes(b"slices of a patient")
    monkeypatch.setattr(privacy, "measure_privacy", _killed)
    with monkeypatch.context() as patch:
        patch.setattr(privacy, step, _killed)
        with pytest.raises(_KilledError):
            privacy.evaluate_privacy(folders / "synthetic", folders / "real", killed, report=_silent)
    assert json.loads((killed / "summary.json").read_text()) == {"aspect": "privacy", "finished": False}
    assert not (killed / "released").exists()
    assert [path.name for path in (killed / "evidence").iterdir()] == ["distances.json"]
    privacy.evaluate_privacy(folders / "synthetic", folders / "real", killed, report=_silent)
    for name in ("summary.json", "report.html", "review.html", "released.csv"):
        assert (killed / name).read_bytes() == (out / name).read_bytes(), name


@pytest.fixture
def few(folders: Path, tmp_path: Path) -> tuple[Path, Path]:
    """One synthetic image and five real ones, without a list of what was seen."""
    synthetic, real = tmp_path / "synthetic", tmp_path / "real"
    for number in range(5):
        shutil.copytree(folders / "real" / f"real{number:02d}", real / f"real{number:02d}")
    shutil.copytree(folders / "synthetic" / "new0", synthetic / "new0")
    return synthetic, real


def test_without_a_list_every_real_image_counts_and_no_test_is_made(few: tuple[Path, Path], tmp_path: Path) -> None:
    found = privacy.evaluate_privacy(*few, tmp_path / "out", report=_silent)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["false_alarms"] is None
    assert summary["spaces"]["pixel"]["membership"] is None
    assert "not available: nothing tells which images were seen" in found.sentence
    privacy.evaluate_privacy(*few, tmp_path / "again", report=_silent)
    for name in ("scores.csv", "summary.json", "released.csv", "report.html"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    for number in (3, 4):
        shutil.rmtree(few[1] / f"real{number:02d}")
    with pytest.raises(CohortError, match="at least 4 training subjects"):
        privacy.evaluate_privacy(*few, tmp_path / "out", report=_silent)
    assert not (tmp_path / "out" / "released").exists()  # nothing of an audit that failed counts as released


class _Embedder:
    """Features of which two images share most."""

    name = "a network of the test"
    dims = 2

    def embed(self, path: Path, *, mirrored: bool = False) -> dict[str, NDArray[np.float64]]:
        seed = {"new0_t1.nii.gz": 1, "real04_t1.nii.gz": 1}.get(path.name, int.from_bytes(path.name[:8].encode()) % 997)
        rows = np.random.default_rng(seed).standard_normal((5, 8))
        return {"axial": rows + 0.1 * np.random.default_rng(len(path.name)).standard_normal((5, 8))}


def test_the_feature_space_holds_back_as_well(
    few: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "load_embedder", lambda path, contrast: _Embedder())
    privacy.evaluate_privacy(*few, tmp_path / "out", features=tmp_path, report=_silent)
    row = _rows(tmp_path / "out" / "review.csv")["new0"]
    assert row["nearest_feature"] == "real04"
    assert row["reason"] == "too near to a training image in feature space"
    assert float(row["distance_pixel"]) > float(row["threshold_pixel"])
    assert "a network of the test" in (tmp_path / "out" / "report.html").read_text()


class _Profiles:
    """Features that know left from right: the profile of each slice along the first axis."""

    name = "profiles"
    dims = 2

    def embed(self, path: Path, *, mirrored: bool = False) -> dict[str, NDArray[np.float64]]:
        array = read_volume(path).array.astype(np.float64)
        return {"axial": (array[::-1] if mirrored else array).mean(axis=1).T[6:-6]}


def test_a_mirrored_copy_is_caught_by_its_features(
    few: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "load_embedder", lambda path, contrast: _Profiles())
    _save(few[0], "mirrored", head(3)[::-1])
    privacy.evaluate_privacy(*few, tmp_path / "out", features=tmp_path, report=_silent)
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["space"], row["rank"]) == ("feature", "1")]
    found = next(row for row in rows if row["case"] == "mirrored")
    assert (found["neighbour"], found["mirrored"], found["held_back"]) == ("real02", "true", "true")
    assert float(found["distance"]) == pytest.approx(0, abs=1e-5)


def test_copies_of_pet_are_caught(tmp_path: Path) -> None:
    def uptake(seed: int) -> NDArray[np.float32]:  # SUV: a faint body, and hot spots of its own
        body = head(seed) / 130
        hot = gaussian_filter((np.random.default_rng(seed).random(HEAD_SHAPE) > 0.9985).astype(np.float32), 1)
        return np.asarray(body + (body > 0) * 60 * hot, dtype=np.float32)

    for number in range(7):
        _save(tmp_path / "real", f"real{number}", uptake(number), "pet")
    planted = {
        "copy": 2 * uptake(1),
        "deformed": deformed(100 * uptake(2), 7).clip(0) / 250,
        "mirrored": uptake(3)[::-1],
    }
    for name, image in {**planted, "new0": uptake(50), "new1": uptake(51)}.items():
        _save(tmp_path / "synthetic", name, image, "pet")
    privacy.evaluate_privacy(tmp_path / "synthetic", tmp_path / "real", tmp_path / "out", report=_silent)
    assert set(_rows(tmp_path / "out" / "released.csv")) == {"new0", "new1"}
    review = _rows(tmp_path / "out" / "review.csv")
    assert {name: row["nearest_pixel"] for name, row in review.items()} == {
        "copy": "real1",
        "deformed": "real2",
        "mirrored": "real3",
    }


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases with label maps: copies of training label maps beside new images, and one that was rendered from one."""
    root = tmp_path_factory.mktemp("annotated")
    seen = []
    for number in range(10):
        seen.append(_save(root / "real", f"real{number}", head(number + 1)))
        _save_labels(root / "real", f"real{number}", organs(number + 1))
    maps = {"copied": organs(2), "warped": warped(organs(3), 1, voxels=0.7), "new": organs(50), "rendered": organs(51)}
    for number, (name, labels) in enumerate(maps.items()):
        _save(root / "synthetic", name, head(100 + number))
        _save_labels(root / "synthetic", name, labels)
    _save(root / "synthetic", "bare", head(110))
    source = FileRecord(
        contrast="labels", name="x", sha256=file_digest(root / "real" / "real9" / "real9_labels.nii.gz")
    )
    told = Provenance(synthetic=True, sources=(source,), target="t1", unit="a.u.")
    (root / "synthetic" / "rendered" / "rendered_t1.json").write_text(told.model_dump_json())
    (root / "synthetic" / "seen.json").write_text(json.dumps([file_digest(path) for path in seen[:7]]))
    return root


def _save_labels(folder: Path, case: str, labels: NDArray[np.uint8]) -> None:
    write_volume(Volume(labels, AFFINE), folder / case / f"{case}_labels.nii.gz")


def test_copies_of_label_maps_wait_though_their_images_are_new(annotated: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = privacy.evaluate_privacy(annotated / "synthetic", annotated / "real", out, report=_silent)
    released, review = _rows(out / "released.csv"), _rows(out / "review.csv")
    assert set(released) == {"new", "bare"}
    part = "a part of its label map has the shape of one of the training data"
    assert {name: row["reason"] for name, row in review.items()} == {
        "copied": f"its label map is too near to one of the training data; {part}",
        "warped": f"its label map is too near to one of the training data; {part}",
        "rendered": "made from a label map of real9",
    }
    assert {name: review[name]["nearest_label"] for name in ("copied", "warped")} == {
        "copied": "real1",
        "warped": "real2",
    }
    assert float(review["copied"]["distance_label"]) == pytest.approx(0, abs=1e-5)
    assert not released["bare"]["distance_label"]
    assert "1 was made from scans or label maps of the data set" in found.sentence
    alarms = json.loads((out / "summary.json").read_text())["spaces"]["label"]["false_alarms"]
    assert (alarms["count"], alarms["of"]) == (0, 3)
    page = (out / "review.html").read_text()
    assert page.count("data:image/png") == 9  # image and label map of each of three, and of the two that are released
    assert "Relative distance in label space: 0.00" in page
    assert "Label space" in (out / "report.html").read_text()


def test_label_maps_that_nothing_is_compared_with_are_named(folders: Path, audited: Result) -> None:
    assert "3 released cases have a label map that was compared with none" in audited.page.read_text()


def test_inputs_are_never_cleared(folders: Path, tmp_path: Path) -> None:
    synthetic, real = folders / "synthetic", folders / "real"
    for place in (synthetic, folders, real / "audit"):
        with pytest.raises(UsageError, match="apart from the images"):
            privacy.evaluate_privacy(synthetic, real, place, report=_silent)
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="earlier privacy audit"):
        privacy.evaluate_privacy(synthetic, real, tmp_path, report=_silent)
    assert (tmp_path / "released" / "mine.txt").read_text() == "keep"
    with pytest.raises(UsageError, match="relative distance above 0"):
        privacy.evaluate_privacy(synthetic, real, tmp_path, distance=0.0, report=_silent)


def test_decisions_of_an_expert_are_applied_and_recorded_until_the_image_changes(
    audited: Result, folders: Path, out: Path, tmp_path: Path
) -> None:
    page, judged = (out / "review.html").read_text(), tmp_path / "judged"
    asked = dict(re.findall(r'<fieldset data-case="(\w+)" data-sha256="([^"]+)" data-beside="[^"]+"', page))
    beside = dict(re.findall(r'<fieldset data-case="(\w+)" data-sha256="[^"]+" data-beside="([^"]+)"', page))
    assert set(asked) == {"copy", "deformed", "mirrored", "new0", "new1", "new2"}
    given = tmp_path / "decisions.csv"
    rows = [
        f"{case},{decision},a note,A. Reader,2031-05-17T09:30:00Z,{asked[case]},{beside[case]}"
        for case, decision in (("deformed", "release"), ("new0", "withhold"), ("new1", "release"))
    ]
    given.write_text("\n".join(["case,decision,note,expert,decided_at,sha256,beside", *rows]) + "\n")
    shutil.copytree(out, judged)
    found = privacy.evaluate_privacy(folders / "synthetic", folders / "real", judged, decided=given, report=_silent)
    assert set(_rows(judged / "released.csv")) == {"deformed", "new1", "new2"}
    assert (judged / "released" / "deformed").is_dir()
    assert (judged / "review" / "new0").is_dir()
    assert _rows(judged / "released.csv")["deformed"]["expert"] == "A. Reader"
    assert "Experts judged 3: 2 released, 1 withheld, 0 left open." in found.sentence
    kept = json.loads((judged / "summary.json").read_text())["decisions"]
    assert {one["case"]: one["decision"] for one in kept} == {
        "deformed": "release",
        "new0": "withhold",
        "new1": "release",
    }
    given.write_text(given.read_text().replace("t1:", "t1:0"))
    with pytest.raises(UsageError, match="other files than A"):
        privacy.evaluate_privacy(folders / "synthetic", folders / "real", judged, decided=given, report=_silent)
    assert not (judged / "released").exists()
