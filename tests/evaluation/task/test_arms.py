"""Three arms on cases whose outcome is known, and every way in which a case can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from voxlate.cohort import Case, Cohort
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, GeometryError, SegmenterError, UsageError
from voxlate.evaluation.candidates import _FolderCandidate
from voxlate.evaluation.segmentation.segmenters import check_task, load_segmenter, on_grid
from voxlate.evaluation.task.arms import Attempt, Experiment, _attempt_case, _score_attempt, score_task
from voxlate.io import read_volume, write_volume
from voxlate.volume import Grid, Volume

LPS = np.diag([-1.0, -1.0, 2.0, 1.0])


@dataclass
class Threshold:
    """A segmenter that finds what is bright in its first source, or in the next if that is missing."""

    sources: tuple[str, ...] = ("flair", "t1")
    name: str = "threshold"
    truth: str = "labels"
    classes: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"lesion": (1,)})
    truth_classes: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"lesion": (1,)})
    facts: dict[str, str] = field(default_factory=dict)
    digest: str = "threshold"
    trained: tuple[str, ...] | None = ()
    broken: dict[str, Exception] = field(default_factory=dict)
    finish: Callable[[Volume], Volume] = lambda volume: volume
    foreground: Callable[[Case], float | None] = lambda _case: None

    def seen(self, cases: Sequence[Case]) -> list[str] | None:
        return None if self.trained is None else [case.id for case in cases if case.id in self.trained]

    def foreground_ml(self, case: Case) -> float | None:
        return self.foreground(case)

    def segment(self, case: Case, *, missing: str | None = None) -> Volume:
        if case.id in self.broken:
            raise self.broken[case.id]
        first = next(name for name in self.sources if name != missing)
        image = read_volume(case.paths[first])
        return self.finish(image.with_array((image.array > 0.5).astype(np.uint8), contrast=get_contrast("labels")))


def blob(shift: int = 0) -> np.ndarray:
    array = np.zeros((12, 10, 8), dtype=np.float32)
    array[3 + shift : 7 + shift, 3:7, 2:6] = 1
    return array


def write(path: Path, array: np.ndarray, contrast: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_volume(Volume(array, LPS, contrast=get_contrast(contrast)), path)


def experiment(folder: Path, *, count: int = 2, **parts: Any) -> tuple[Experiment, Cohort]:
    """Cases whose synthetic FLAIR shows the lesion two voxels beside, and whose T1 shows nothing."""
    cases, made = [], {}
    for number in range(count):
        name = f"case-{number}"
        paths = {
            "flair": write(folder / name / "flair.nii.gz", blob(), "flair"),
            "t1": write(folder / name / "t1.nii.gz", 0 * blob(), "t1"),
            "labels": write(folder / name / "labels.nii.gz", blob().astype(np.uint8), "labels"),
        }
        made[name] = write(folder / "made" / f"{name}.nii.gz", blob(2), "flair")
        cases.append(Case(name, name, paths))
    plan: Any = SimpleNamespace(target="flair", source=("t1",), reading=Reading())
    candidate = _FolderCandidate(made, "made", plan, None, {})  # type: ignore[arg-type]  # no lookup is needed
    options = {"segmenter": Threshold(), "other": None, **parts}
    return Experiment(candidate, folder=folder / "out", **options), Cohort(folder, "folders", tuple(cases))


def silent(*_: object) -> None:
    """No progress, nothing kept."""


def test_each_arm_gets_its_own_image(tmp_path: Path) -> None:
    task, cohort = experiment(tmp_path)
    attempt = _attempt_case(task, cohort.cases[0])
    everything = {"real": 1.0, "synthetic": 0.5, "without": 0.0}
    assert list(attempt.found) == list(everything)
    scores = {(s.method, s.metric): s.value for s in _score_attempt(attempt, task)}
    for arm, dice in everything.items():
        assert scores[arm, "dice"] == pytest.approx(dice)
    assert scores["synthetic", "hd95"] == pytest.approx(2.0)
    assert scores["without", "detection_fn"] == 1
    assert scores["truth", "volume"] == scores["synthetic", "volume"] == pytest.approx(64 * 2 / 1000)
    assert ("real", "accuracy") not in scores
    assert attempt.shown == {"real": "flair", "synthetic": "flair", "without": "t1"}
    np.testing.assert_array_equal(attempt.truth, blob()[::-1, ::-1])  # in RAS order


def test_the_baseline_is_scored_beside_the_arms_and_missing_where_its_image_is_refused(tmp_path: Path) -> None:
    image = write(tmp_path / "lookup.nii.gz", blob(1), "flair")
    task, cohort = experiment(tmp_path, baseline=lambda _: image)
    scores = {(s.method, s.metric): s.value for s in _score_attempt(_attempt_case(task, cohort.cases[0]), task)}
    assert scores["lookup", "dice"] == pytest.approx(0.75)

    def refused(_: Case) -> Path:
        raise GeometryError("a grid", came="none", remedy="Look.")

    task, cohort = experiment(tmp_path / "b", baseline=refused)
    assert list(_attempt_case(task, cohort.cases[0]).found) == ["real", "synthetic", "without"]


def test_a_second_segmenter_takes_the_arm_without(tmp_path: Path) -> None:
    lucky = Threshold(sources=("t1",), finish=lambda volume: volume.with_array(blob().astype(np.uint8)))
    task, cohort = experiment(tmp_path, other=lucky)
    scores = {(s.method, s.metric): s.value for s in _score_attempt(_attempt_case(task, cohort.cases[0]), task)}
    assert scores["without", "dice"] == 1


def test_a_segmenter_of_the_target_alone_has_no_arm_without(tmp_path: Path) -> None:
    task, cohort = experiment(tmp_path, segmenter=Threshold(sources=("flair",)))
    assert task.arms == ("real", "synthetic")
    assert set(_attempt_case(task, cohort.cases[0]).found) == {"real", "synthetic"}
    both, _ = experiment(tmp_path / "b", segmenter=Threshold(sources=("flair",)), other=Threshold(sources=("t1",)))
    assert both.arms == ("real", "synthetic", "without")


def test_one_failing_case_never_stops_the_others(tmp_path: Path) -> None:
    broken = {
        "case-0": SegmenterError("exit code 0", came="1", where="case-0", remedy="Look."),
        "case-2": RuntimeError("a bug in a library"),
    }
    task, cohort = experiment(tmp_path, count=4, segmenter=Threshold(broken=broken))
    progress: list[int] = []
    scored = score_task(task, cohort.cases, report=lambda _name, done, _of: progress.append(done))
    assert [case for case, _ in scored.failed] == ["case-0", "case-2"]
    assert "a bug in a library" in scored.failed[1][1]
    assert list(scored.found) == ["case-1", "case-3"]
    assert {score.case for score in scored.scores} == {"case-1", "case-3"}
    assert progress == [0, 1, 2, 3, 4]


def test_a_case_that_cannot_be_shown_has_no_scores(tmp_path: Path) -> None:
    task, cohort = experiment(tmp_path)

    def show(attempt: Attempt) -> dict[str, np.ndarray]:
        if attempt.case_id == "case-0":
            raise ValueError("no picture")
        return {"truth": attempt.truth}

    scored = score_task(task, cohort.cases, show=show, report=silent)
    assert [case for case, _ in scored.failed] == ["case-0"]
    assert {score.case for score in scored.scores} == {"case-1"}
    assert list(scored.found["case-1"].arrays) == ["truth"]


def test_every_case_failing_is_an_error_that_tells_why(tmp_path: Path) -> None:
    broken = {f"case-{n}": SegmenterError("exit code 0", came="1", remedy="Look.") for n in range(2)}
    task, cohort = experiment(tmp_path, segmenter=Threshold(broken=broken))
    with pytest.raises(CohortError, match="exit code 0"):
        score_task(task, cohort.cases, report=silent)


def test_what_was_found_on_another_grid_is_brought_to_the_truth(tmp_path: Path) -> None:
    def coarse(volume: Volume) -> Volume:
        affine = volume.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
        affine[:3, 3] = (volume.affine @ [0.5, 0.5, 0.5, 1])[:3]
        return Volume(volume.array[::2, ::2, ::2], affine)

    task, cohort = experiment(tmp_path, segmenter=Threshold(finish=coarse))
    attempt = _attempt_case(task, cohort.cases[0])
    assert attempt.found["real"].shape == attempt.truth.shape
    assert attempt.found["real"].any()


@pytest.mark.parametrize(("synthetic_ml", "moved"), [(1000.0, False), (1150.0, False), (500.0, True), (1300.0, True)])
def test_another_foreground_in_the_synthetic_image_is_noticed(tmp_path: Path, synthetic_ml: float, moved: bool) -> None:
    def foreground(case: Case) -> float:
        return synthetic_ml if "made" in case.paths["flair"].parts else 1000.0

    task, cohort = experiment(tmp_path, segmenter=Threshold(foreground=foreground))
    assert _attempt_case(task, cohort.cases[0]).foreground_moved == moved


def test_what_was_found_elsewhere_is_refused() -> None:
    far = Volume(np.ones((3, 3, 3)), np.array([[1, 0, 0, 500], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    with pytest.raises(GeometryError, match="case-1"):
        on_grid(far, Grid((5, 5, 5), np.eye(4)), where="case-1")


def test_cases_that_a_segmenter_has_seen_are_not_held_out(tmp_path: Path) -> None:
    task, cohort = experiment(tmp_path, count=3, segmenter=Threshold(trained=("case-1",)))
    assert [case.id for case in task.held_out(cohort, split="test")] == ["case-0", "case-2"]
    assert [case.id for case in task.held_out(cohort, split="all")] == ["case-0", "case-1", "case-2"]
    assert task.seen(cohort.cases)["segmenter"] == ["case-1"]
    program, _ = experiment(tmp_path / "b", segmenter=Threshold(trained=None))
    assert len(program.held_out(cohort, split="test")) == 2


def test_no_case_left_is_an_error(tmp_path: Path) -> None:
    task, cohort = experiment(tmp_path, segmenter=Threshold(trained=("case-0", "case-1")))
    with pytest.raises(CohortError, match="2 that the segmenter has seen"):
        task.held_out(cohort, split="test")
    other, cohort = experiment(tmp_path / "b", segmenter=Threshold(sources=("flair", "t1c")))
    with pytest.raises(CohortError, match="flair, t1c, labels"):
        other.held_out(cohort, split="test")


@pytest.mark.parametrize(
    ("segmenter", "without", "message"),
    [
        (Threshold(sources=("t1",)), None, "a segmenter that uses FLAIR"),
        (Threshold(), Threshold(), "a segmenter that does without FLAIR"),
        (Threshold(), Threshold(sources=("t1",), truth_classes={"core": (1,)}), "the classes of the other segmenter"),
    ],
)
def test_segmenters_that_do_not_answer_the_question(
    segmenter: Threshold, without: Threshold | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_task(segmenter, "flair", without=without)


def test_what_is_no_segmenter_is_refused(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(UsageError, match="a segmenter"):
        load_segmenter(tmp_path)
    with pytest.raises(UsageError, match="label maps"):
        load_segmenter(trained)
