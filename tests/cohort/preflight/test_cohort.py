"""What only the cases together tell: one person twice, exchanged files, a case unlike the others; and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from tests.cohort.scans import images, tissue, write, write_case
from voxlate.cohort import Finding, index_cohort
from voxlate.cohort.preflight import checks, look
from voxlate.cohort.preflight.checks import preflight

CASES = 5
SHAPE = (36, 34, 32)


def person(seed: int) -> dict[str, NDArray[Any]]:
    """A head whose inside has structures of several sizes, so that it survives a change of resolution."""
    field, head = tissue(seed, SHAPE)
    field = field + 2 * gaussian_filter(np.random.default_rng(seed + 50).standard_normal(SHAPE), 3) * 15
    noise = np.random.default_rng(seed + 90)
    maps = {"t1": 500 + 120 * np.tanh(field), "t2": 300 + 90 * np.abs(field - 0.5)}
    return {
        name: np.where(head, signal + noise.normal(0, 6, SHAPE), 0).astype(np.float32) for name, signal in maps.items()
    }


@pytest.fixture(scope="module")
def people() -> list[dict[str, NDArray[Any]]]:
    return [person(seed) for seed in range(CASES)]


@pytest.fixture
def root(tmp_path: Path, people: list[dict[str, NDArray[Any]]]) -> Path:
    for number, scans in enumerate(people):
        write_case(tmp_path / f"p{number}", scans)
    return tmp_path


def _found(root: Path, **options: Any) -> list[Finding]:
    return preflight(index_cohort(root), source=["t1"], target="t2", **options)


def test_different_people_are_not_called_one(root: Path) -> None:
    assert _found(root) == []


def _turned(array: NDArray[Any]) -> NDArray[Any]:
    angle, middle = np.radians(6), (np.array(array.shape) - 1) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return np.asarray(affine_transform(array, turn, middle - turn @ middle, order=1))


@pytest.mark.parametrize(
    ("change", "spacing"),
    [
        (lambda a: np.roll(a, (1, 1, 1), (0, 1, 2)), 1.0),
        (lambda a: a[5:, :-4], 1.0),
        (_turned, 1.0),
        (np.rot90, 1.0),
        (lambda a: a[::2, ::2, ::2], 2.0),
        (lambda a: a[::-1] * 3, 1.0),
    ],
    ids=["moved", "cropped", "turned", "a quarter turn", "half resolution", "mirrored"],
)
def test_a_person_under_two_names_is_found(
    root: Path, people: list[dict[str, NDArray[Any]]], change: Callable[[NDArray[Any]], NDArray[Any]], spacing: float
) -> None:
    write(root / "p4" / "t1.nii.gz", np.ascontiguousarray(change(people[1]["t1"])), np.diag([spacing] * 3 + [1.0]))
    found = preflight(index_cohort(root).with_contrasts("t1"), source=["t1"])
    assert [(f.severity, f.code, f.case) for f in found] == [("error", "duplicate_image", "p1")]
    if spacing == 1.0:
        return
    parted = preflight(index_cohort(root), source=["t1"], split={f"p{n}": "p" if n == 4 else "q" for n in range(CASES)})
    assert [(f.severity, f.code, f.case) for f in parted] == [("error", "subject_in_two_parts", "p1")]


def test_two_visits_of_one_person_are_no_fault(root: Path, people: list[dict[str, NDArray[Any]]]) -> None:
    for name, array in people[1].items():
        write(root / "p4" / f"{name}.nii.gz", np.roll(array, 1, 0))
    (root / "cases.csv").write_text("case,subject\np1,anna\np4,anna\n", encoding="utf-8")
    assert _found(root) == []


def test_exchanged_targets_are_named_with_each_other(root: Path, people: list[dict[str, NDArray[Any]]]) -> None:
    write(root / "p0" / "t2.nii.gz", people[3]["t2"])
    write(root / "p3" / "t2.nii.gz", people[0]["t2"])
    found = {finding.case: finding.message for finding in _found(root) if finding.code == "exchanged"}
    assert set(found) == {"p0", "p3"}
    assert "p3/t2.nii.gz fits" in found["p0"]


def test_a_target_of_somebody_who_is_in_no_case_is_unlike_the_others(root: Path) -> None:
    write(root / "p2" / "t2.nii.gz", person(77)["t2"])
    found = {(finding.code, finding.case) for finding in _found(root)}
    assert found & {("unlike_others", "p2"), ("unrelated", "p2"), ("misaligned", "p2"), ("mirrored", "p2")}
    assert {case for _, case in found} == {"p2"}


def test_a_source_with_noise_for_a_target_is_unlike_the_others(
    root: Path, people: list[dict[str, NDArray[Any]]]
) -> None:
    source = people[2]["t1"]
    noise = np.random.default_rng(4).normal(0, 0.3 * source[source > 0].std(), SHAPE) * (source > 0)
    write(root / "p2" / "t2.nii.gz", (source + noise).astype(np.float32))
    found = [finding for finding in _found(root) if finding.case == "p2"]
    assert {finding.code for finding in found} & {"unlike_others", "shared_noise"}
    assert any("made from the other" in finding.message for finding in found)


def test_a_label_that_is_the_image_binarised_is_an_error(tmp_path: Path) -> None:
    for seed, case in enumerate("abc"):
        scans = images(seed)
        write_case(tmp_path / case, {name: scans[name] for name in ("t1", "t2", "labels")})
    assert preflight(index_cohort(tmp_path), source=["t2"], target="labels") == []
    write(tmp_path / "b" / "labels.nii.gz", (images(1)["t1"] > 550).astype(np.uint8))
    found = {(f.severity, f.code, f.case) for f in preflight(index_cohort(tmp_path), source=["t1"], target="labels")}
    assert ("error", "target_is_source", "b") in found
    unknown = {(f.severity, f.code, f.case) for f in preflight(index_cohort(tmp_path))}
    assert ("error", "copied_contrast", "b") in unknown


@pytest.mark.usefixtures("measured_anew")
def test_what_was_measured_is_not_measured_again(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root / "p2" / "t2.nii.gz", np.roll(person(2)["t2"], (0, 3, 0), (0, 1, 2)))
    write(root / "p3" / "seg.nii.gz", (person(3)["t1"] > 550).astype(np.uint8), 2 * np.eye(4))
    write(root / "p3" / "mask.nii.gz", (person(3)["t1"] > 0).astype(np.uint8))
    keep = tmp_path_factory.mktemp("run") / "prepared" / "preflight"
    first = preflight(index_cohort(root), keep=keep)
    assert first
    read: list[Path] = []
    whole = look.read_volume

    def reading(path: Path, **options: Any) -> Any:
        read.append(path)
        return whole(path, **options)

    monkeypatch.setattr(look, "read_volume", reading)
    with monkeypatch.context() as patch:
        patch.setattr(checks, "find_subjects", lambda *_: pytest.fail("people are looked for again"))
        assert preflight(index_cohort(root), keep=keep) == first
    assert not read
    trained = _found(root, keep=keep)
    assert not read, "a training that uses what was checked measures nothing again"
    assert trained == _found(root)
    read.clear()
    write(root / "p5" / "t1.nii.gz", person(60)["t1"])
    next(keep.iterdir()).write_text("{", encoding="utf-8")
    preflight(index_cohort(root), keep=keep)
    assert {path.parent.name for path in read} >= {"p5"}
    assert len(read) <= 4
