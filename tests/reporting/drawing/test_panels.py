from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tests.reporting.samples import LESION, MASK, SHAPE, count_colours, panel, pixels
from voxlate.errors import UsageError
from voxlate.reporting.drawing import tiles
from voxlate.reporting.drawing.canvas import legible, to_png
from voxlate.reporting.drawing.panels import draw_cases, draw_translation, source_windows
from voxlate.reporting.drawing.tiles import grey_window


def words(figure: Figure) -> str:
    inside = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes.yaxis.label)]
    return "\n".join([*(text.get_text() for text in figure.texts), *inside])


def pictures(figure: Figure) -> list[Axes]:
    """The axes that hold pictures, from left to right: sources, prediction, truth, error."""
    return [axes for axes in figure.axes if axes.images]


def region(figure: Figure, axes: Axes) -> NDArray[np.uint8]:
    """The pixels of these axes."""
    image = pixels(figure)
    rows, columns = image.shape[:2]
    box = axes.get_position()
    top, bottom = round((1 - box.y1) * rows) + 1, round((1 - box.y0) * rows) - 1
    return image[top:bottom, round(box.x0 * columns) + 1 : round(box.x1 * columns) - 1]


def test_the_same_value_is_the_same_grey_in_source_prediction_and_truth() -> None:
    figure = draw_translation(panel(lesion=None, truth=np.where(MASK, 500.0, 0.0)))
    greys = []
    for axes in pictures(figure)[:3]:
        tile = region(figure, axes)
        greys.append(tuple(tile[tile.shape[0] // 2, tile.shape[1] // 2]))
    assert len(set(greys)) == 1
    assert greys[0][0] == pytest.approx(255 * 0.5, abs=2)


def test_a_source_of_another_unit_has_its_own_window_and_says_so() -> None:
    figure = draw_translation(panel(lesion=None, source_windows={"T1": (0.0, 500.0)}))
    tile = region(figure, pictures(figure)[0])
    assert tile[tile.shape[0] // 2, tile.shape[1] // 2, 0] > 250
    assert "grey: 0 to 500" in words(figure)


def test_left_and_right_are_marked_and_true() -> None:
    figure = draw_translation(panel())
    for axes in pictures(figure):
        letters = {text.get_text(): text.get_position()[0] for text in axes.texts if text.get_text() in {"R", "L"}}
        assert letters["R"] < 0.1
        assert letters["L"] > 0.9
    assert "patient's left (L) is on the right" in words(figure)
    truth = region(figure, pictures(figure)[2]).astype(int)
    bright = np.argwhere(truth.sum(axis=-1) >= 3 * 200)
    inner = bright[(bright[:, 0] > truth.shape[0] * 0.2) & (bright[:, 0] < truth.shape[0] * 0.8)]
    assert inner[:, 1].mean() < truth.shape[1] / 2, "the lesion on the patient's right is on the left of the picture"


def test_the_error_is_signed_and_symmetric() -> None:
    low, high = (panel(lesion=None, truth=np.where(MASK, 500.0 + sign * 200, 0.0)) for sign in (1, -1))
    middles = []
    for sample in (low, high):
        figure = draw_translation(sample, limit=250.0)
        axes = pictures(figure)[-1]
        assert axes.images[0].get_clim() == (-250.0, 250.0)
        tile = region(figure, axes)
        middles.append(tile[tile.shape[0] // 2, tile.shape[1] // 2].astype(int))
    assert middles[0][2] > middles[0][0] + 60, "too dark is blue"
    assert middles[1][0] > middles[1][2] + 60, "too bright is orange"
    assert "too dark" in words(figure)
    assert "too bright" in words(figure)


def test_the_error_scale_does_not_depend_on_the_errors() -> None:
    good, bad = panel(), panel(prediction=np.where(MASK, 900.0, 0.0))
    limits = {pictures(draw_translation(sample))[-1].images[0].get_clim() for sample in (good, bad)}
    assert limits == {(-250.0, 250.0)}


def test_all_cases_share_one_error_scale() -> None:
    figure = draw_cases({"Worst": panel(window=(0.0, 400.0)), "Best": panel(window=(0.0, 2000.0))})
    errors = [axes.images[0].get_clim() for axes in pictures(figure)[3::4]]
    assert errors == [(-500.0, 500.0)] * 2
    assert "Worst: case_001" in words(figure)


def test_voxels_keep_their_shape_on_the_page() -> None:
    figure = draw_translation(panel(spacing_mm=(1.0, 2.0, 1.0)))
    width, height = figure.get_size_inches()
    for axes in pictures(figure):
        box = axes.get_position()
        across = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (box.width * width)
        down = (axes.get_ylim()[1] - axes.get_ylim()[0]) / (box.height * height)
        assert across == pytest.approx(down, rel=1e-6)


def test_every_plane_has_its_row_and_its_letters() -> None:
    figure = draw_translation(panel(), planes=("axial", "coronal", "sagittal"))
    assert len(pictures(figure)) == 12
    assert {"A", "P"} <= {text.get_text() for text in pictures(figure)[-1].texts}
    assert all(plane in words(figure) for plane in ("axial", "coronal", "sagittal"))


def test_numbers_name_and_rule_stand_on_the_figure() -> None:
    text = words(draw_translation(panel()))
    assert all(part in text for part in ("foreground: MAE 12.3 a.u.", "case_001", "largest lesion area", "a.u."))


def test_labels_of_anatomy_are_not_called_lesions() -> None:
    text = " ".join(words(draw_translation(panel(labelled="labels"))).split())
    assert "largest area of labelled structures" in text
    assert "The line encloses the labelled structures" in text
    assert "lesion" not in text
    assert "The line encloses the lesion" in " ".join(words(draw_translation(panel())).split())


def test_a_normalised_source_beside_a_target_with_a_unit_has_a_window_of_its_own() -> None:
    shown = panel()
    [(title, source)] = shown.sources.items()
    assert source_windows(title, source, shown.mask, unit="1") == {}
    assert source_windows(title, source, shown.mask, unit="HU") == {title: grey_window(source, shown.mask)}


def test_the_figure_is_no_blank_and_its_bytes_repeat() -> None:
    first, second = (to_png(draw_translation(panel())) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG\r\n\x1a\n")
    assert b"Software" not in first
    assert count_colours(draw_translation(panel())) > 20


def test_the_users_settings_change_nothing() -> None:
    plain = to_png(draw_translation(panel()))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 30, "image.interpolation": "none"}):
        assert to_png(draw_translation(panel())) == plain
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize("name", ["$\\frac{1}{2}$", "a\nb", "<script>", "患者七", "x" * 500, "", "\ud800"])
def test_hostile_case_names_are_drawn_as_text(name: str) -> None:
    assert to_png(draw_translation(panel(case=name, numbers=(name,)))).startswith(b"\x89PNG")
    assert len(legible(name)) <= 80
    assert "\n" not in legible(name)


def test_strange_contents_are_drawn() -> None:
    truth = np.full(SHAPE, np.nan)
    empty = np.zeros(SHAPE, dtype=bool)
    for sample in (panel(truth=truth, window=None), panel(mask=None, lesion=None), panel(mask=empty, lesion=empty)):
        assert to_png(draw_translation(sample)).startswith(b"\x89PNG")


def test_arrays_of_two_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="one shape"):
        panel(prediction=np.zeros((2, 2, 2)))


def test_a_single_slice_is_a_volume_of_one_voxel() -> None:
    sample = panel(
        sources={"T1": np.ones((*SHAPE[:2], 1))},
        prediction=np.ones((*SHAPE[:2], 1)),
        truth=np.ones((*SHAPE[:2], 1)),
        mask=MASK[:, :, 8:9],
        lesion=LESION[:, :, 9:10],
    )
    assert len(pictures(draw_translation(sample))) == 4


def test_words_beside_the_bars_of_a_thin_stack_do_not_run_into_each_other() -> None:
    """Coronal and sagittal rows of a stack of few slices are low."""
    thin = np.s_[:, :, 6:9]
    images = {name: getattr(panel(), name)[thin] for name in ("prediction", "truth", "mask", "lesion")}
    figure = draw_translation(
        panel(sources={"T1": images["truth"]}, spacing_mm=(3.0, 3.0, 3.0), **images),
        planes=("axial", "coronal", "sagittal"),
    )
    to_png(figure)
    boxes = [axes.yaxis.label.get_window_extent() for axes in figure.axes if axes.yaxis.label.get_text()]
    assert boxes
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1000, 1001), (0.0, 1000.0)),
        (np.linspace(-20, 980, 1001), (0.0, 980.0)),
        (np.linspace(-1000, 1000, 2001), (-1000.0, 1000.0)),
        (np.full(5, 7.0), (0.0, 7.0)),
        (np.full(5, np.nan), (0.0, 1.0)),
        (np.full(5, -3.0), (-3.0, -2.0)),
    ],
)
def test_the_grey_window_is_round_and_begins_at_zero_for_signals(
    values: NDArray[np.float64], expected: tuple[float, float]
) -> None:
    assert tiles.grey_window(values) == pytest.approx(expected)


def test_the_error_scale_ends_at_a_round_quarter_of_the_widest_window() -> None:
    assert tiles.error_limit([(0, 1000), (0, 400)]) == 250
    assert tiles.error_limit([(0, 1.0)]) == pytest.approx(0.25)
    assert tiles.error_limit([(-1000, 1000)]) == 500
    assert tiles.error_limit([(0, 980)]) == 250
