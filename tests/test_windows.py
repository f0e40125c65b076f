"""Windows: what they cover, cut and draw, and that stitching leaves neither seams nor rounding."""

from __future__ import annotations

from typing import Any, Literal

import blosc2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxlate.config.window import WindowOptions
from voxlate.errors import UsageError
from voxlate.windows import Box, Stitcher, Window, bounding_box

lengths = st.integers(1, 23)
shapes = st.tuples(lengths, lengths, lengths)


def make(**options: Any) -> Window:
    return Window(WindowOptions(**options))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    kind = draw(st.sampled_from(["slices", "patches", "volume"]))
    overlap = draw(st.sampled_from([0.0, 0.25, 0.5, 0.75]))
    axis = draw(st.integers(0, 2))
    side = st.integers(1, 12)
    size = {"slices": None, "patches": (draw(side), draw(side), draw(side)), "volume": None}[kind]
    neighbours = draw(st.integers(0, 2)) if kind == "slices" else 0
    return make(kind=kind, axis=axis, overlap=overlap, size=size, neighbours=neighbours)


@st.composite
def boxes_in(draw: st.DrawFn, shape: tuple[int, int, int]) -> Box:
    ends = [sorted(draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))) for n in shape]
    ends = [(low, max(high, low + 1)) for low, high in ends]
    i, j, k = ends
    return Box((i[0], j[0], k[0]), (i[1] - i[0], j[1] - j[0], k[1] - k[0]))


def spatial(window: Window, box: Box) -> tuple[int, ...]:
    return tuple(n for axis, n in enumerate(box.size) if axis != window.axis)


def inside(box: Box, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(0, a), min(b, n)) for a, b, n in zip(box.start, box.stop, shape, strict=True))


@settings(max_examples=150, deadline=None)
@given(window=windows(), shape=shapes, divisor=st.sampled_from([1, 2, 4]), tiled=st.booleans(), data=st.data())
def test_cover_leaves_no_voxel_out_and_keeps_the_divisor(
    window: Window, shape: tuple[int, int, int], divisor: int, tiled: bool, data: st.DataObject
) -> None:
    within = data.draw(st.none() | boxes_in(shape))
    tile = (5,) * window.dims if tiled else None
    boxes = window.cover(shape, within=within, divisor=divisor, tile=tile)
    covered = np.zeros(shape, bool)
    for box in boxes:
        assert all(n % divisor == 0 for n in spatial(window, box))
        covered[inside(box, shape)] = True
    assert covered[inside(within, shape) if within else ...].all()
    assert len(set(boxes)) == len(boxes)
    assert len({box.size for box in boxes}) == 1, "one size, so that boxes can be stacked"
    for axis in range(3):
        beyond = any(box.start[axis] < 0 or box.stop[axis] > shape[axis] for box in boxes)
        assert not beyond or boxes[0].size[axis] > shape[axis], "outside the array only where it does not fit"


@settings(max_examples=100, deadline=None)
@given(window=windows(), shape=shapes, divisor=st.sampled_from([1, 2, 4]), tiled=st.booleans(), seed=st.integers(0, 99))
def test_identity_predictor_returns_the_input_bit_for_bit(
    window: Window, shape: tuple[int, int, int], divisor: int, tiled: bool, seed: int
) -> None:
    array = np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    stitcher = Stitcher(window, channels=2, shape=shape)
    for box in window.cover(shape, divisor=divisor, tile=(5,) * window.dims if tiled else None):
        stitcher.add(box, window.cut_centre(array, box))
    result = stitcher.result()
    assert result.dtype == np.float32
    assert result.shape == array.shape
    assert np.array_equal(result, array)


@pytest.mark.parametrize("value", [0.1, -1024.0, 3.0e-5])
def test_constant_predictor_is_exact(value: float) -> None:
    window = make(kind="patches", size=(8, 8, 8), overlap=0.5)
    stitcher = Stitcher(window, channels=1, shape=(21, 17, 9))
    for box in window.cover((21, 17, 9)):
        stitcher.add(box, np.full((1, *box.size), value, np.float32))
    assert np.array_equal(stitcher.result(), np.full((1, 21, 17, 9), value, np.float32))


@pytest.mark.parametrize("overlap", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("kind", ["patches", "slices"])
def test_predictions_that_disagree_blend_without_a_step(kind: str, overlap: float) -> None:
    """Each box adds an offset of its own to a ramp, as networks do; the ramp must stay smooth across box borders."""
    window = make(kind=kind, size=(32, 32, 16) if kind == "patches" else None, overlap=overlap)
    shape = (128, 48, 16)
    ramp = np.broadcast_to(np.linspace(0, 1, 128, dtype=np.float32)[:, None, None], shape)
    stitcher = Stitcher(window, channels=1, shape=shape)
    boxes = window.cover(shape, tile=(32, 32, 16)[: window.dims])
    order = sorted({box.start[0] for box in boxes})
    for box in boxes:
        offset = 0.1 * (-1) ** order.index(box.start[0])
        stitcher.add(box, window.cut_centre(ramp, box) + np.float32(offset))
    result = stitcher.result()[0]
    steps = np.abs(np.diff(result - ramp, axis=0))
    assert np.ptp(result - ramp) > 0.1, "the offsets are there"
    assert steps.max() < 0.4 * 0.2, "spread over the overlap; a border without blending is a step of 0.2"


@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_nothing_happens_where_a_box_begins_or_ends(overlap: float) -> None:
    begin = int(32 * (1 - overlap))
    stitcher = Stitcher(make(kind="volume"), channels=1, shape=(begin + 32, 4, 4))
    for number, start in enumerate((0, begin)):
        stitcher.add(Box((start, 0, 0), (32, 4, 4)), np.full((1, 32, 4, 4), number, np.float32))
    line = stitcher.result()[0, :, 0, 0]
    assert line[0] == 0
    assert line[-1] == 1
    assert np.diff(line)[[begin - 1, 31]].max() < 0.02


def test_voxels_that_no_box_covers_are_0() -> None:
    window = make(kind="volume")
    stitcher = Stitcher(window, channels=1, shape=(4, 4, 4))
    stitcher.add(Box((1, 1, 1), (2, 2, 2)), np.ones((1, 2, 2, 2), np.float32))
    assert stitcher.result().sum() == 8


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_neighbouring_slices_come_in_order_and_repeat_at_the_ends(axis: int) -> None:
    window = make(kind="slices", axis=axis, neighbours=2)
    shape = (6, 7, 8)
    number = np.broadcast_to(np.arange(shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)]), shape)
    both = np.stack([number, number + 100])
    box = window.cover(shape)[1]
    sample = window.cut(both, box)
    assert sample.shape == (window.input_channels(2), *[n for a, n in enumerate(shape) if a != axis])
    assert sample[:, 0, 0].tolist() == [0, 0, 1, 2, 3, 100, 100, 101, 102, 103]
    assert window.cut(number, box)[:, 0, 0].tolist() == [0, 0, 1, 2, 3]
    assert window.cut_centre(both, box)[:, 0, 0].tolist() == [1, 101]
    mirrored = Window(window.options.model_copy(update={"padding": "mirror"}))
    assert mirrored.cut(number, box)[:, 0, 0].tolist() == [1, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("padding", "expected"), [("edge", [0, 0, 0, 1, 2, 3, 3, 3]), ("mirror", [2, 1, 0, 1, 2, 3, 2, 1])]
)
def test_image_continues_beyond_its_edge_and_the_mask_does_not(
    padding: Literal["edge", "mirror"], expected: list[int]
) -> None:
    window = Window(WindowOptions(kind="volume", padding=padding))
    line = np.arange(4).reshape(4, 1, 1)
    box = Box((-2, 0, 0), (8, 1, 1))
    assert window.cut(line, box)[0, :, 0, 0].tolist() == expected
    assert window.cut_centre(np.ones((4, 1, 1), bool), box)[0, :, 0, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


@settings(max_examples=100, deadline=None)
@given(window=windows(), shape=shapes, divisor=st.sampled_from([1, 4]), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_random_box_stays_inside_and_is_a_function_of_the_seed(
    window: Window, shape: tuple[int, int, int], divisor: int, seed: int, data: st.DataObject
) -> None:
    within = data.draw(boxes_in(shape))
    box, again = (window.draw(shape, within=within, rng=np.random.default_rng(seed), divisor=divisor) for _ in range(2))
    assert box == again
    assert all(n % divisor == 0 for n in spatial(window, box))
    for axis, n in enumerate(shape):
        room = within.size[axis] if box.size[axis] <= within.size[axis] else n
        low = within.start[axis] if room == within.size[axis] and box.size[axis] <= room else 0
        if box.size[axis] <= room:
            assert low <= box.start[axis]
            assert box.stop[axis] <= low + room
        else:
            assert box.start[axis] <= 0
            assert box.stop[axis] >= n


def test_random_boxes_reach_every_place() -> None:
    window = make(kind="slices", axis=2, size=(4, 4))
    rng = np.random.default_rng(0)
    boxes = [window.draw((8, 8, 3), rng=rng) for _ in range(400)]
    assert {box.start for box in boxes} == {(i, j, k) for i in range(5) for j in range(5) for k in range(3)}
    assert {box.size for box in boxes} == {(4, 4, 1)}


@pytest.mark.parametrize(
    ("options", "dims", "lateral"),
    [
        ({"kind": "slices", "axis": 0}, 2, None),
        ({"kind": "slices", "axis": 1}, 2, 0),
        ({"kind": "slices", "axis": 2}, 2, 0),
        ({"kind": "patches", "size": (4, 4, 4)}, 3, 0),
        ({"kind": "volume"}, 3, 0),
    ],
)
def test_sample_axes(options: dict[str, Any], dims: int, lateral: int | None) -> None:
    window = make(**options)
    assert (window.dims, window.lateral_axis) == (dims, lateral)
    array = np.broadcast_to(np.arange(4).reshape(4, 1, 1), (4, 4, 4))
    sample = window.cut(array, window.cover((4, 4, 4))[-1])
    varies = [axis for axis in range(dims) if np.ptp(sample, axis=1 + axis).any()]
    assert varies == ([] if lateral is None else [lateral])


def test_slices_and_volume_take_one_box_and_tiles_when_asked() -> None:
    assert len(make(kind="slices", axis=2, size=(4, 4)).cover((9, 9, 5))) == 5
    assert make(kind="volume").cover((9, 9, 5), divisor=4) == [Box((-1, -1, -1), (12, 12, 8))]
    assert len(make(kind="volume", overlap=0).cover((8, 8, 4), tile=(4, 4, 4))) == 4
    within = Box((5, 0, 0), (4, 9, 5))
    assert make(kind="volume").cover((9, 9, 5), within=within, divisor=8)[0].start[0] == 1, "moved inward"


def test_arrays_on_disk_are_read_by_the_block() -> None:
    array = np.random.default_rng(0).normal(size=(9, 8, 7)).astype(np.float32)
    stored = blosc2.asarray(array)
    for window in (make(kind="slices", axis=1, neighbours=1), make(kind="patches", size=(4, 4, 4))):
        for box in window.cover(array.shape, divisor=4):
            assert np.array_equal(window.cut(stored, box), window.cut(array, box))
    mask = np.zeros((9, 8, 7), bool)
    mask[2:5, 3:4, 0:7] = True
    assert bounding_box(blosc2.asarray(mask)) == bounding_box(mask) == Box((2, 3, 0), (3, 1, 7))
    assert bounding_box(np.zeros((2, 2, 2), bool)) is None


@pytest.mark.parametrize(
    ("options", "call", "message"),
    [
        ({"kind": "volume", "neighbours": 1}, {}, "neighbours"),
        ({"kind": "slices"}, {"tile": (4, 4, 4)}, "2 numbers"),
        ({"kind": "volume"}, {"tile": (4, 4)}, "3 numbers"),
    ],
)
def test_unusable_windows_are_refused(options: dict[str, Any], call: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(**options).cover((4, 4, 4), **call)


@pytest.mark.parametrize("kind", ["slices", "patches", "volume"])
def test_margin_gives_the_border_mirrored_context_and_changes_no_place(kind: str) -> None:
    size = (6, 6, 6) if kind == "patches" else None
    window = Window(WindowOptions.model_validate({"kind": kind, "size": size, "margin": 2, "padding": "mirror"}))
    image = np.random.default_rng(0).normal(size=(8, 7, 5)).astype(np.float32)
    boxes = window.cover(image.shape)
    spatial = [axis for axis in range(3) if axis != window.axis]
    assert [min(box.start[axis] for box in boxes) for axis in spatial] == [-2] * len(spatial)
    assert [max(box.stop[axis] for box in boxes) for axis in spatial] == [image.shape[axis] + 2 for axis in spatial]
    stitcher = Stitcher(window, channels=1, shape=image.shape)
    for box in boxes:
        stitcher.add(box, window.cut_centre(image, box))
    np.testing.assert_allclose(stitcher.result()[0], image, rtol=0, atol=1e-6)
    context = window.cut(image, boxes[0])[0]
    np.testing.assert_array_equal(context[:2], context[3:5][::-1])
    drawn = window.draw(image.shape, rng=np.random.default_rng(1))
    assert all(drawn.start[axis] >= -2 and drawn.stop[axis] <= image.shape[axis] + 2 for axis in range(3))


def test_window_of_several_axes_is_one_window_per_view() -> None:
    options = WindowOptions(kind="slices", axis=(2, 0, 1), neighbours=1, combine="weights")
    assert {name: view.axis for name, view in options.views.items()} == {"axial": 2, "sagittal": 0, "coronal": 1}
    assert {view.neighbours for view in options.views.values()} == {1}
    assert WindowOptions(axis=0).views == {}
    with pytest.raises(UsageError, match="one axis"):
        Window(options)
    for bad in ({"axis": [2]}, {"axis": [2, 2]}, {"kind": "volume", "axis": [0, 1]}, {"combine": "network"}):
        with pytest.raises(ValueError, match=r"axes|combine"):
            WindowOptions.model_validate(bad)
