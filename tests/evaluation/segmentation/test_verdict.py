"""Segmentations beside the truth, the baseline of intensity alone, and the words for a model that finds nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.config.plan import PlanOptions
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, ReadError
from voxlate.evaluation.candidates import _FolderCandidate
from voxlate.evaluation.segmentation.cases import Segmented, classes_of, segment_case, segment_cases
from voxlate.evaluation.segmentation.verdict import (
    count_lesions,
    judge_segmentation,
    nothing_found,
    summarise_segmentation,
)
from voxlate.io import read_volume, write_volume
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.plan import Plan, Scaling
from voxlate.roles import LOOKUP, MODEL
from voxlate.volume import Volume

LPS = np.diag([-1.0, -1.0, 2.0, 1.0])
REGIONS = {"whole tumour": (1, 2), "tumour core": (2,)}
SHAPE = (14, 12, 10)


def labels(shift: int = 0) -> np.ndarray:
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[3 + shift : 8 + shift, 3:8, 2:7] = 1
    array[4 + shift : 6 + shift, 4:6, 3:5] = 2
    return array


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Heads of 0.5 on a background of 0, with brighter lesions, and one lesion voxel outside the head."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number in range(3):
        image = np.zeros(SHAPE, dtype=np.float32)
        image[1:13, 1:11, 1:9] = rng.uniform(0.4, 0.6, (12, 10, 8))
        truth = labels(number)
        image[truth > 0] += 0.3
        truth[0, 0, 0] = 1
        for name, array in (("flair", image), ("labels", truth)):
            volume = Volume(array, LPS, contrast=get_contrast(name))
            path = folder / f"case-{number}" / f"case-{number}_{name}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            write_volume(volume, path)
    return folder


@pytest.fixture(scope="module")
def cohort(data: Path) -> Cohort:
    return index_cohort(data)


def plan_of(cohort: Cohort) -> tuple[Plan, Lookup]:
    from voxlate.evaluation.fitting import fit_to

    fitted = fit_to(cohort.cases, PlanOptions(), source=("flair",), target="labels")
    return fitted.plan, fitted.lookup


@dataclass
class Fake:
    """A candidate whose label maps are made from the true ones."""

    plan: Plan
    lookup: Lookup
    make: Callable[[np.ndarray], np.ndarray]
    name: str = "fake"
    facts: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    digest: str = "fake"

    def seen(self, cases: Sequence[Case]) -> int:
        return 0

    def what_cases(self, *, seen: int, of: int) -> str:
        return "held-out"

    def cases(self, cohort: Cohort, *, split: str) -> list[Case]:
        return list(cohort.cases)

    def predict(self, case: Case) -> tuple[Mapping[str, Volume], Scaling]:
        truth = read_volume(case.paths["labels"], contrast=get_contrast("labels"))
        if case.id in self.name:
            raise ReadError("a good file", came="a fault", where=case.id, remedy="Repair it.")
        return {MODEL: truth.with_array(self.make(np.asarray(truth.array)))}, Scaling()

    def image(self, case: Case, folder: Path) -> Path:
        raise AssertionError(folder)


def score(cohort: Cohort, make: Callable[[np.ndarray], np.ndarray], **more: Any) -> tuple[list[Any], list[Segmented]]:
    kept: list[Segmented] = []
    fake = Fake(*plan_of(cohort), make, **more)

    def show(segmented: Segmented) -> dict[str, np.ndarray]:
        kept.append(segmented)
        return {}

    return segment_cases(fake, cohort.cases, classes=REGIONS, show=show, report=lambda *_: None).scores, kept


def values(scores: list[Any], metric: str, *, region: str = "whole tumour", method: str = MODEL) -> list[float]:
    return [s.value for s in scores if (s.metric, s.region, s.method) == (metric, region, method)]


def test_a_perfect_map_is_perfect_and_volumes_are_in_millilitres(cohort: Cohort) -> None:
    scores, kept = score(cohort, lambda truth: truth)
    assert values(scores, "dice") == [1.0] * 3
    assert values(scores, "dice", region="tumour core") == [1.0] * 3
    assert values(scores, "volume", method="truth") == pytest.approx([126 * 2 / 1000] * 3)
    assert values(scores, "volume") == values(scores, "volume", method="truth")
    assert not nothing_found(scores, REGIONS)
    assert kept[0].truth[-1, -1, 0] == 1, "in RAS order"


def test_what_lies_outside_the_foreground_counts_as_missed(cohort: Cohort) -> None:
    def inside(truth: np.ndarray) -> np.ndarray:
        return np.where(np.indices(truth.shape).sum(0) > 0, truth, 0).astype(truth.dtype)

    scores, _ = score(cohort, inside)
    assert values(scores, "recall") == pytest.approx([125 / 126] * 3)
    assert count_lesions(scores, region="whole tumour") == (3, 3, 0)


def test_intensity_alone_finds_what_is_brighter_and_knows_no_classes(cohort: Cohort) -> None:
    scores, kept = score(cohort, lambda truth: truth)
    assert values(scores, "dice", method=LOOKUP)[0] > 0.9
    assert not values(scores, "dice", region="tumour core", method=LOOKUP)
    assert set(np.unique(kept[0].found[LOOKUP])) == {0, 1}


def test_a_silent_model_is_said_to_have_found_no_tumour(cohort: Cohort) -> None:
    """The guard: a high accuracy with a recall of zero says nothing."""
    scores, _ = score(cohort, np.zeros_like)
    assert np.mean(values(scores, "accuracy")) > 0.9
    assert values(scores, "recall") == [0.0] * 3
    assert list(nothing_found(scores, REGIONS)) == ["whole tumour"]
    sentence = judge_segmentation(summarise_segmentation(scores), scores, REGIONS)
    assert sentence.startswith("No tumour was found: not one true voxel of it in any of the 3 cases that have it.")
    assert "means nothing" in sentence
    assert "does not beat intensity lookup in Dice" in sentence
    assert "identity" not in sentence


@pytest.mark.parametrize(
    ("classes", "subject"),
    [
        ({"lesion": (1, 2)}, "No lesion"),
        ({"hippocampus": (1, 2)}, "No hippocampus"),
        ({"anterior": (1,), "posterior": (2,)}, "Nothing labelled"),
        ({"any label": ()}, "No any label"),
    ],
)
def test_what_was_not_found_has_its_own_name(cohort: Cohort, classes: Any, subject: str) -> None:
    fake = Fake(*plan_of(cohort), np.zeros_like)
    scores = segment_cases(fake, cohort.cases, classes=classes, report=lambda *_: None).scores
    [told] = nothing_found(scores, classes).values()
    wanted = "Nothing labelled" if subject == "No any label" else subject
    assert told.startswith(f"{wanted} was found: ")


def test_one_class_alone_that_is_never_found_is_named(cohort: Cohort) -> None:
    scores, _ = score(cohort, lambda truth: np.minimum(truth, 1))
    assert list(nothing_found(scores, REGIONS)) == ["tumour core"]
    assert nothing_found(scores, REGIONS)["tumour core"].startswith("Nothing of tumour core was found: ")


def test_one_voxel_that_is_hit_is_no_silence(cohort: Cohort) -> None:
    scores, _ = score(cohort, lambda truth: np.where(np.cumsum(truth > 0).reshape(truth.shape) == 60, truth, 0))
    assert not nothing_found(scores, {"whole tumour": (1, 2)})


def test_a_refused_case_does_not_stop_the_others(cohort: Cohort) -> None:
    fake = Fake(*plan_of(cohort), np.zeros_like, name="case-1")
    failed = segment_cases(fake, cohort.cases, classes=REGIONS, report=lambda *_: None).failed
    assert [case for case, _ in failed] == ["case-1"]
    with pytest.raises(CohortError, match="a fault"):
        segment_cases(fake, cohort.cases[1:2], classes=REGIONS, report=lambda *_: None)


def test_classes_of_a_folder_are_the_label_values(cohort: Cohort) -> None:
    fake = Fake(*plan_of(cohort), np.zeros_like)
    assert classes_of(fake, cohort.cases) == {"label 1": (1,), "label 2": (2,)}
    assert not isinstance(fake, _FolderCandidate)
    assert segment_case(fake, cohort.cases[0], classes=REGIONS).spacing_mm == (1.0, 1.0, 2.0)
