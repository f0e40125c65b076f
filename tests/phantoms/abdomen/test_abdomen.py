"""The abdomen: organs and their labels, what fat does to the opposed-phase image, and lesions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.phantoms import PhantomOptions, SimulatedCase, simulate_case, tissue_id
from voxlate.phantoms.abdomen.abdomen import ABDOMEN_CYCLE, ABDOMEN_LABELS, draw_abdomen

CONTRASTS = ("in_phase", "out_phase", "ct")


@pytest.fixture(scope="module")
def abdomen() -> SimulatedCase:
    """An adenoma and tumours of the liver, without noise."""
    index = ABDOMEN_CYCLE.index("adenoma_and_liver_tumour")
    options = PhantomOptions(factor=2, noise=0, bias=0)
    return simulate_case(seed=3, index=index, size=56, anatomy="abdomen", contrasts=CONTRASTS, options=options)


def drop(case: SimulatedCase, mask: np.ndarray) -> float:
    """By which share the opposed-phase signal lies below the in-phase signal."""
    one, other = (case.scans[name].noise_free[mask].mean() for name in ("in_phase", "out_phase"))
    return float(1 - other / one)


def inner(case: SimulatedCase, tissue: str) -> np.ndarray:
    mask = case.tissues == tissue_id(tissue)
    return np.asarray(binary_erosion(mask)) if binary_erosion(mask).any() else mask


def test_labels_are_those_of_chaos_on_their_sides_and_of_their_sizes(abdomen: SimulatedCase) -> None:
    assert set(np.unique(abdomen.labels)) == {0, *ABDOMEN_LABELS.values()}
    voxel_ml = float(np.prod(abdomen.grid.spacing_mm)) / 1000
    places, volumes = {}, {}
    for name in ("liver", "spleen", "right_kidney", "left_kidney"):
        mask = abdomen.labels == ABDOMEN_LABELS[name]
        places[name], volumes[name] = np.argwhere(mask).mean(axis=0), mask.sum() * voxel_ml
    assert places["spleen"][0] < places["left_kidney"][0] < places["right_kidney"][0], "x runs to the right"
    assert places["liver"][0] > places["spleen"][0]
    assert places["right_kidney"][2] < places["liver"][2]
    assert 700 < volumes["liver"] < 2000
    assert all(70 < volumes[name] < 300 for name in ("spleen", "right_kidney", "left_kidney")), volumes
    assert abdomen.attributes["label_convention"] == "chaos"


def test_opposed_phase_drops_where_there_is_fat_in_the_cells(abdomen: SimulatedCase) -> None:
    assert drop(abdomen, inner(abdomen, "adenoma")) > 0.25
    assert drop(abdomen, inner(abdomen, "spleen")) < 0.05
    assert drop(abdomen, inner(abdomen, "liver_tumour")) < 0.1
    edge = (abdomen.tissues == tissue_id("left_kidney")) ^ inner(abdomen, "left_kidney")
    assert drop(abdomen, edge) > drop(abdomen, inner(abdomen, "left_kidney")) + 0.1, "India ink where fat meets water"


def test_ct_numbers_are_those_of_an_abdomen(abdomen: SimulatedCase) -> None:
    ct = abdomen.scans["ct"].noise_free
    level = {name: float(np.median(ct[inner(abdomen, name)])) for name in ("lung", "fat", "liver", "trabecular_bone")}
    assert level["lung"] < -600 < level["fat"] < -60 < 20 < level["liver"] < 80 < level["trabecular_bone"]


def test_some_livers_are_fatty_and_their_signal_and_ct_number_say_so() -> None:
    shapes = [draw_abdomen(np.random.default_rng(seed)) for seed in range(16)]
    lean, fatty = ([one for one in shapes if (one.liver_fat >= 0.08) == wanted] for wanted in (False, True))
    assert 2 <= len(fatty) <= 9
    assert max(one.levels.hu["liver"] for one in fatty) < min(one.levels.hu["liver"] for one in lean)
    assert fatty[0].table[tissue_id("liver")].fat_fraction == fatty[0].liver_fat


def test_a_cohort_is_indexed_and_passes_the_preflight(drawn_once: Callable[..., Path]) -> None:
    cohort = index_cohort(drawn_once(cases=2, seed=1, size=40, anatomy="abdomen"))
    assert [set(case.paths) for case in cohort.cases] == [{*CONTRASTS, "labels"}] * 2
    assert {case.attributes["subtype"] for case in cohort.cases} == set(ABDOMEN_CYCLE[:2])
    assert [finding for finding in preflight(cohort) if finding.severity != "info"] == []
