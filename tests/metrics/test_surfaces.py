"""Surface distances against MONAI, brute force and cases whose distances are known."""

from __future__ import annotations

import math
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial.distance import cdist

from voxlate.errors import UsageError
from voxlate.metrics import hd95, metrics_of, surface_dice, surface_distances

torch = pytest.importorskip("torch")
Maps = tuple[np.ndarray, np.ndarray]
SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.8, 3.0), (2.0, 1.1, 0.7)]


def _blobs(seed: int, shape: tuple[int, int, int] = (26, 22, 14)) -> Maps:
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), 2)
    other = field + 0.6 * gaussian_filter(rng.standard_normal(shape), 2)
    return other > 0.7 * field.std(), field > 0.7 * field.std()


def _cube(start: tuple[int, int, int], *, shape: tuple[int, int, int] = (20, 20, 20), size: int = 6) -> np.ndarray:
    made = np.zeros(shape, dtype=bool)
    made[tuple(slice(a, a + size) for a in start)] = True
    return made


def _batch(*maps: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array)[None, None] for array in maps]


def _everywhere(of: np.ndarray) -> np.ndarray:
    return np.ones(of.shape, dtype=bool)


def _monai_hd95(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float, float]) -> float:
    from monai.metrics import compute_hausdorff_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of an argument of its own
        found = compute_hausdorff_distance(
            *_batch(prediction, truth), include_background=True, percentile=95, spacing=list(spacing)
        )
    return float(found)


def _brute(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float, float]) -> Maps:
    first, second = (np.argwhere(s & ~binary_erosion(s)) * np.array(spacing) for s in (prediction, truth))
    table = cdist(first, second)
    return table.min(axis=1), table.min(axis=0)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
def test_hd95_is_that_of_monai(seed: int, spacing: tuple[float, float, float]) -> None:
    prediction, truth = _blobs(seed)
    found = hd95(prediction, truth, mask=_everywhere(truth), data_range=1.0, spacing_mm=spacing)
    assert found == pytest.approx(_monai_hd95(prediction, truth, spacing), rel=1e-5)
    assert found > 0


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.05])
def test_surface_dice_is_that_of_monai(spacing: tuple[float, float, float], tolerance: float) -> None:
    from monai.metrics import compute_surface_dice

    prediction, truth = _blobs(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = compute_surface_dice(
            *_batch(prediction, truth), class_thresholds=[tolerance], include_background=True, spacing=list(spacing)
        )
    found = surface_dice(
        prediction,
        truth,
        mask=_everywhere(truth),
        data_range=1.0,
        spacing_mm=spacing,
        tolerance_mm=tolerance,
    )
    assert found == pytest.approx(float(expected), rel=1e-6)
    assert 0 < found < 1


@pytest.mark.parametrize("spacing", SPACINGS)
def test_distances_are_those_of_brute_force(spacing: tuple[float, float, float]) -> None:
    prediction, truth = _blobs(3)
    found = surface_distances(prediction, truth, spacing_mm=spacing)
    for ours, expected in zip(found, _brute(prediction, truth, spacing), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("axis", "voxels", "spacing"), [(0, 3, 1.0), (1, 2, 1.5), (2, 1, 3.0)])
def test_cubes_shifted_by_3_mm_are_3_mm_apart(axis: int, voxels: int, spacing: float) -> None:
    truth = _cube((4, 4, 4), size=5)
    spacings = [1.0, 1.0, 1.0]
    spacings[axis] = spacing
    shifted = np.roll(truth, voxels, axis=axis)
    options = {"mask": _everywhere(truth), "data_range": 1.0, "spacing_mm": spacings}
    assert hd95(shifted, truth, **options) == pytest.approx(3.0)
    assert surface_dice(shifted, truth, **options, tolerance_mm=3.0) == 1.0
    assert surface_dice(shifted, truth, **options, tolerance_mm=2.9) < 1.0


def test_single_voxels_are_a_diagonal_apart() -> None:
    first, second = _cube((1, 1, 1), size=1), _cube((4, 5, 3), size=1)
    found = hd95(first, second, mask=_everywhere(first), data_range=1.0, spacing_mm=(1.0, 3.0, 2.0))
    assert found == pytest.approx(math.sqrt(3**2 + 12**2 + 4**2))


def test_a_tolerance_that_is_met_exactly_counts_in_spite_of_rounding() -> None:
    first, second = _cube((4, 4, 4), size=1), _cube((7, 4, 4), size=1)
    options = {"mask": _everywhere(first), "data_range": 1.0, "spacing_mm": (0.1, 1.0, 1.0)}
    assert surface_dice(first, second, **options, tolerance_mm=0.3) == 1.0


def test_the_border_of_image_and_mask_is_a_surface() -> None:
    whole = np.ones((5, 5, 5), dtype=bool)
    from_surface, _ = surface_distances(whole, whole, spacing_mm=(1, 1, 1))
    assert len(from_surface) == 5**3 - 3**3
    mask = whole.copy()
    mask[3:] = False
    cut = whole & mask
    values = [
        hd95(prediction, _cube((1, 1, 1), shape=(5, 5, 5), size=1), mask=inside, data_range=1.0, spacing_mm=(1, 1, 1))
        for prediction, inside in ((whole, mask), (cut, whole))
    ]
    assert values[0] == values[1]


def test_the_rule_for_what_is_empty() -> None:
    some, none = _cube((4, 4, 4)), _cube((0, 0, 0), size=0)
    mask = np.zeros(some.shape, dtype=bool)
    mask[2:14, 3:13, 4:12] = True  # 12, 10 and 8 voxels
    options = {"mask": mask, "data_range": 1.0, "spacing_mm": (1.0, 2.0, 3.0)}
    diagonal = math.sqrt(12**2 + 20**2 + 24**2)
    for pair in ((some, none), (none, some)):
        assert hd95(*pair, **options) == pytest.approx(diagonal)
        assert surface_dice(*pair, **options) == 0.0
    for metric in metrics_of("surface").values():
        assert math.isnan(metric(none, none, **options))
    assert [d.size for d in surface_distances(none, none, spacing_mm=(1, 1, 1))] == [0, 0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.25, 2.0, 10.0]), order=st.permutations([0, 1, 2]))
def test_symmetric_in_the_maps_and_turned_and_scaled_with_the_voxels(seed: int, scale: float, order: list[int]) -> None:
    prediction, truth = _blobs(seed, (12, 10, 8))
    spacing = np.array([1.0, 1.5, 2.5])
    options = {"mask": _everywhere(truth), "data_range": 1.0}
    value = hd95(prediction, truth, **options, spacing_mm=spacing)
    assert hd95(truth, prediction, **options, spacing_mm=spacing) == value
    assert hd95(prediction, truth, **options, spacing_mm=scale * spacing) == pytest.approx(scale * value)
    turned = [array.transpose(order) for array in (prediction, truth)]
    options["mask"] = _everywhere(turned[0])
    assert hd95(*turned, **options, spacing_mm=spacing[order]) == pytest.approx(value)


def test_units_and_refusals() -> None:
    assert {name: metric.unit("HU") for name, metric in metrics_of("surface").items()} == {
        "hd95": "mm",
        "surface_dice": "1",
    }
    some = _cube((4, 4, 4))
    for metric in metrics_of("surface").values():
        for spacing in ((1.0, 1.0), (1.0, 1.0, 0.0), (1.0, -1.0, 1.0), (1.0, 1.0, math.nan)):
            with pytest.raises(UsageError, match="spacing of three positive numbers"):
                metric(some, some, mask=_everywhere(some), data_range=1.0, spacing_mm=spacing)
    for tolerance in (-1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="tolerance"):
            surface_dice(
                some, some, mask=_everywhere(some), data_range=1.0, spacing_mm=(1, 1, 1), tolerance_mm=tolerance
            )


@pytest.mark.slow
def test_five_times_faster_than_monai_on_a_head() -> None:
    shape, spacing = (240, 240, 155), (1.0, 1.0, 1.2)
    axes = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij", sparse=True)
    brain = ((axes[0] - 120) / 72) ** 2 + ((axes[1] - 120) / 86) ** 2 + ((axes[2] - 77) / 70) ** 2 < 1
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(shape), 3)
    radius = 25 - 1.5 * noise / noise.std()
    first, second = (
        ((axes[0] - middle) ** 2 + (axes[1] - 100) ** 2 + (axes[2] - 80) ** 2 < radius**2) & brain
        for middle in (120, 123)
    )

    def seconds(peer: bool) -> tuple[float, float]:
        start = time.process_time()
        if peer:
            value = _monai_hd95(first, second, spacing)
        else:
            value = hd95(first, second, mask=brain, data_range=1.0, spacing_mm=spacing)
        return time.process_time() - start, value

    ours, theirs = (min(seconds(peer) for _ in range(3)) for peer in (False, True))
    assert ours[1] == pytest.approx(theirs[1], rel=1e-5)
    assert theirs[0] >= 5 * ours[0]
