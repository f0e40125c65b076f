from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxlate.cohort import PARTS, Case, Cohort, split_cohort
from voxlate.cohort.splits import _part_sizes
from voxlate.config.plan import SplitOptions
from voxlate.errors import CohortError


def _cohort(subjects: list[tuple[str, int, dict[str, str]]]) -> Cohort:
    cases = [
        Case(f"{name}_ses-{session}", name, {"t1": Path(f"{name}/{session}.nii")}, attributes)
        for name, sessions, attributes in subjects
        for session in range(sessions)
    ]
    return Cohort(Path("data"), "folders", tuple(cases))


def _plain(n: int) -> Cohort:
    return _cohort([(f"sub-{number}", 1, {}) for number in range(n)])


fractions = st.tuples(*[st.integers(0, 10)] * 3).filter(any).map(lambda w: tuple(part / sum(w) for part in w))
subjects = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["HGG", "LGG"]), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=40,
)


@given(n=st.integers(1, 500), weights=fractions)
def test_sizes_are_proportional_and_serve_every_part(n: int, weights: tuple[float, float, float]) -> None:
    sizes = _part_sizes(n, weights)
    assert sum(sizes) == n
    served = [size for size, weight in zip(sizes, weights, strict=True) if weight > 0]
    assert sum(size > 0 for size in served) == min(n, len(served))
    for size, weight in zip(sizes, weights, strict=True):
        assert size == 0 if weight == 0 else size > n * weight - 3
        assert abs(size - n * weight) < 1 or min(served) == 1 or n < 3


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (4, (2, 1, 1)), (10, (7, 1, 2)), (416, (291, 42, 83))],
)
def test_sizes_by_largest_remainder(n: int, sizes: tuple[int, int, int]) -> None:
    assert _part_sizes(n, (0.7, 0.1, 0.2)) == sizes


def test_the_split_of_genc_et_al() -> None:
    scans = (265, 67, 84)
    assert _part_sizes(416, [part / 416 for part in scans]) == scans


@settings(deadline=None)
@given(people=subjects, weights=fractions, seed=st.integers(0, 2**32 - 1), stratify=st.booleans(), data=st.data())
def test_no_subject_in_two_parts_and_the_same_again_in_any_order(
    people: list[tuple[int, str, str]],
    weights: tuple[float, float, float],
    seed: int,
    stratify: bool,
    data: st.DataObject,
) -> None:
    cohort = _cohort([(f"p{n}", k, {"grade": g, "site": s}) for n, (k, g, s) in enumerate(people)])
    options = SplitOptions(fractions=weights, stratify=("grade", "site") if stratify else ())
    split = split_cohort(cohort, options, seed=seed)
    assert set(split) == {case.id for case in cohort.cases}
    parts = {
        case.subject: {split[other.id] for other in cohort.cases if other.subject == case.subject}
        for case in cohort.cases
    }
    assert all(len(found) == 1 for found in parts.values())
    counts = Counter(part for found in parts.values() for part in found)
    assert tuple(counts[part] for part in PARTS) == _part_sizes(len(people), weights)
    shuffled = Cohort(cohort.root, cohort.layout, tuple(data.draw(st.permutations(cohort.cases))))
    assert split_cohort(shuffled, options, seed=seed) == split


def test_the_seed_decides() -> None:
    cohort = _plain(40)
    splits = [split_cohort(cohort, SplitOptions(), seed=seed) for seed in (1, 2)]
    assert splits[0] != splits[1]


def test_several_attributes_are_balanced_at_once() -> None:
    rng = np.random.default_rng(0)
    people = [
        (
            f"p{n}",
            1,
            {
                "subtype": str(rng.choice(["astro", "oligo", "gbm"], p=[0.2, 0.2, 0.6])),
                "grade": str(rng.choice(["2", "3", "4"], p=[0.3, 0.2, 0.5])),
                "enhancement": str(rng.choice(["yes", "no"], p=[0.75, 0.25])),
            },
        )
        for n in range(416)
    ]
    cohort = _cohort(people)
    attributes = ("subtype", "grade", "enhancement")
    split = split_cohort(cohort, SplitOptions(fractions=(0.64, 0.16, 0.2), stratify=attributes), seed=3)
    sizes = Counter(split.values())
    for attribute in attributes:
        total = Counter(case.attributes[attribute] for case in cohort.cases)
        found = Counter((split[case.id], case.attributes[attribute]) for case in cohort.cases)
        for value, n in total.items():
            for part in PARTS:
                assert abs(found[part, value] - n * sizes[part] / len(cohort)) <= 1


def test_a_rare_value_reaches_the_parts_that_it_can() -> None:
    cohort = _cohort([(f"p{n}", 1, {"lesion": "yes"} if n in {3, 17, 31} else {}) for n in range(40)])
    split = split_cohort(cohort, SplitOptions(fractions=(0.5, 0.25, 0.25), stratify=("lesion",)), seed=0)
    assert Counter(split[f"p{n}_ses-0"] for n in (3, 17, 31))["train"] in {1, 2}


def test_explicit_lists_come_first() -> None:
    cohort = _cohort([(f"sub-{n}", 2, {}) for n in range(12)])
    options = SplitOptions(fractions=(0.8, 0.2, 0.0), test=("3", "sub-5_ses-1"))
    split = split_cohort(cohort, options, seed=0)
    assert {case for case, part in split.items() if part == "test"} == {
        f"sub-{n}_ses-{session}" for n in (3, 5) for session in (0, 1)
    }
    assert Counter(split.values()) == {"train": 16, "validation": 4, "test": 4}


def test_nothing_left_for_validation_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    cohort = _cohort([("patient19", 1, {}), ("patient26", 1, {})])
    with caplog.at_level(logging.WARNING):
        split = split_cohort(cohort, SplitOptions(train=("patient26",), test=("patient19",)), seed=0)
    assert split == {"patient26_ses-0": "train", "patient19_ses-0": "test"}
    assert "weights are chosen on the training cases" in caplog.text


def test_cases_in_no_list_are_unused_when_every_part_has_a_list(caplog: pytest.LogCaptureFixture) -> None:
    options = SplitOptions(train=("sub-0",), validation=("sub-1",), test=("sub-2",))
    with caplog.at_level(logging.WARNING):
        split = split_cohort(_plain(5), options, seed=0)
    assert sorted(split) == ["sub-0_ses-0", "sub-1_ses-0", "sub-2_ses-0"]
    assert "2 subjects are in no list" in caplog.text


def test_spellings_of_one_subject_stay_together() -> None:
    cases = tuple(Case(f"c{n}", subject, {}) for n, subject in enumerate(["sub-Anna", "anna", "ANNA", "b", "c", "d"]))
    for seed in range(10):
        split = split_cohort(Cohort(Path(), "folders", cases), SplitOptions(), seed=seed)
        assert len({split[f"c{n}"] for n in range(3)}) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (SplitOptions(test=("nobody",)), "'nobody'"),
        (SplitOptions(train=("sub-1_ses-0",), test=("sub-1_ses-1",)), "train and test"),
    ],
)
def test_impossible_lists_are_refused(options: SplitOptions, problem: str) -> None:
    with pytest.raises(CohortError, match=problem):
        split_cohort(_cohort([("sub-1", 2, {}), ("sub-2", 1, {})]), options, seed=0)


def test_an_attribute_that_no_case_has_is_told_and_balances_nothing(caplog: pytest.LogCaptureFixture) -> None:
    cohort = _cohort([(f"a{n}", 1, {"site": "x" if n % 2 else "y"}) for n in range(8)])
    split = split_cohort(cohort, SplitOptions(stratify=("grade", "site")), seed=0)
    assert split == split_cohort(cohort, SplitOptions(stratify=("site",)), seed=0)
    assert "no case has the attribute grade: the split is not balanced by it. The cohort has site" in caplog.text
