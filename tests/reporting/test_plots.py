from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.reporting.samples import MASK, SHAPE, count_colours, scores
from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import draw_box_plots, gather
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.views import SliceChoice
from voxlate.reporting.fidelity.profiles import draw_slice_profile
from voxlate.reporting.run.curves import draw_curves, read_curves, smooth
from voxlate.reporting.run.progression import Snapshot, choose_frames, draw_progression
from voxlate.training.loop.journal import Entry


def texts(figure: Figure) -> list[str]:
    inside = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes.xaxis.label)]
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    return [*(text.get_text() for text in figure.texts), *inside, *ticks, *(a.get_title("left") for a in figure.axes)]


def is_drawn(figure: Figure) -> bool:
    return count_colours(figure) > 10


def log_rows() -> list[Entry]:
    rows: list[Entry] = []
    for step in range(1, 101):
        loss = math.exp(-step / 20)
        rows.append(Entry(step, {"loss": loss, "l1": loss / 2, "learning_rate": 1e-3, "data_s": 0.1, "step_s": 0.2}))
        if step % 50 == 0:
            rows.append(Entry(step, validation={"mae": loss, "psnr": 20.0 + step / 50, "ssim": math.nan}))
    return rows


def test_the_log_is_parted_into_losses_and_metrics() -> None:
    losses, metrics = read_curves([*log_rows(), Entry(101, {"loss": math.nan, "l1": math.nan})])
    assert [curve.name for curve in losses] == ["loss", "l1"]
    assert {curve.name: curve.steps.tolist() for curve in metrics} == {"mae": [50, 100], "psnr": [50, 100]}
    assert losses[0].values.size == 100


def test_a_running_mean_keeps_a_constant_and_averages_at_the_ends() -> None:
    np.testing.assert_allclose(smooth(np.full(7, 3.0), width=3), 3.0)
    np.testing.assert_allclose(smooth(np.array([0.0, 3.0, 6.0]), width=3), [1.5, 3.0, 4.5])
    assert smooth(np.array([2.0]), width=50).tolist() == [2.0]


def test_curves_use_a_log_axis_where_the_loss_spans_it_and_name_directions() -> None:
    figure = draw_curves(log_rows(), best_step=100)
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[1].get_yscale() == "linear"
    assert sum("lower is better" in text for text in texts(figure)) == 2
    assert sum("higher is better" in text for text in texts(figure)) == 1
    assert any("ring: kept" in text for text in texts(figure))
    assert is_drawn(figure)


@pytest.mark.parametrize("rows", [log_rows()[:1], log_rows()[50:51], [Entry(1, {"loss": -2.0})]])
def test_short_logs_are_drawn(rows: list[Entry]) -> None:
    assert is_drawn(draw_curves(rows))


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one step"):
        draw_curves([])


def test_series_differ_in_colour_marker_and_dash() -> None:
    for place in range(3):
        assert len({str(series[place]) for series in canvas.SERIES}) == len(canvas.SERIES)


def test_every_line_of_a_legend_has_a_name_and_a_dash_of_its_own() -> None:
    figure = draw_curves(log_rows())
    handles, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["loss", "l1"]
    assert len({str(handle.get_linestyle()) for handle in handles}) == 2


def test_box_plots_show_baselines_first_with_every_case() -> None:
    figure = draw_box_plots(scores(), metrics=("mae", "ssim", "psnr"))
    assert len(figure.axes) == 2, "there is no PSNR among these scores"
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["identity\nn = 6", "lookup\nn = 6", "model\nn = 6"]
    assert any("lower is better" in text for text in texts(figure))
    assert any("higher is better" in text for text in texts(figure))
    pairs = [line for line in figure.axes[0].lines if line.get_xdata().tolist() == [0, 1, 2]]
    assert len(pairs) == 6
    assert sorted(line.get_ydata()[2] for line in pairs) == [30, 31, 32, 33, 34, 35]
    assert is_drawn(figure)


def test_few_cases_get_no_box() -> None:
    few = draw_box_plots(scores(cases=2))
    assert any("too few cases for a box" in text for text in texts(few))
    many = draw_box_plots(scores(cases=5))
    assert any("quartiles" in text for text in texts(many))
    assert len(few.axes[0].lines) < len(many.axes[0].lines)


def test_a_score_that_is_not_available_is_not_drawn() -> None:
    lacking = [*scores(), Score("case_x", "foreground", "model", "mae", math.nan, "a.u.")]
    values, unit = gather(lacking, region="foreground", metric="mae")
    assert list(values) == ["identity", "lookup", "model"]
    assert "case_x" not in values["model"]
    assert unit == "a.u."


def test_no_score_is_refused() -> None:
    with pytest.raises(UsageError, match="'nowhere'"):
        draw_box_plots(scores(), region="nowhere")


def test_a_profile_leaves_gaps_where_there_is_no_foreground() -> None:
    figure = draw_slice_profile(
        {"model": [np.nan, 1, 2, np.nan], "identity": [3, 4, 5, 6]}, unit="HU", case="<b>$x$", plane="coronal"
    )
    handles, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["identity (baseline)", "model"]
    assert len({handle.get_marker() for handle in handles}) == 2
    assert np.isnan(handles[1].get_ydata()[0])
    assert "from back to front" in figure.axes[0].get_xlabel()
    assert is_drawn(figure)


def test_a_profile_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="errors per slice"):
        draw_slice_profile({"model": [np.nan]})


@pytest.mark.parametrize("count", [2, 4, 16, 155])
def test_slices_and_steps_are_counted_in_whole_numbers(count: int) -> None:
    rows = [Entry(step, {"loss": 1 / step}) for step in range(1, count + 1)]
    for figure in (draw_slice_profile({"model": np.linspace(1, 2, count)}), draw_curves(rows, best_step=None)):
        ticks = figure.axes[0].get_xticks()
        assert len(ticks) > 1
        assert all(float(tick).is_integer() for tick in ticks)


def frames(count: int) -> list[Snapshot]:
    truth = np.where(MASK, 1.0, 0.0)[:, :, 8:9]
    return [Snapshot(step * 100, truth * step / count, 1 - step / count) for step in range(count)]


def test_the_strip_keeps_first_and_last_and_is_dense_early() -> None:
    chosen = [frame.step for frame in choose_frames(frames(40), most=5)]
    assert chosen[0] == 0
    assert chosen[-1] == 3900
    assert len(chosen) <= 5
    gaps = np.diff(chosen)
    assert (np.diff(gaps) >= 0).all()
    assert [frame.step for frame in choose_frames(list(reversed(frames(3))))] == [0, 100, 200]


def test_the_strip_shows_steps_errors_and_the_truth() -> None:
    truth = np.where(MASK, 1.0, 0.0)[:, :, 8:9]
    figure = draw_progression(
        frames(4), truth=truth, choice=SliceChoice("axial", 0, "rule"), spacing_mm=(1, 1, 1), mask=MASK[:, :, 8:9]
    )
    assert len([axes for axes in figure.axes if axes.images]) == 4 + 4 + 1
    text = texts(figure)
    assert {"step 0", "step 300", "truth", "MAE 0.250"} <= set(text)
    assert "patient's left (L) is on the right" in " ".join(" ".join(text).split())
    windows = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert windows == {(0.0, 1.0), (-0.25, 0.25)}
    again = draw_progression(
        frames(4), truth=truth, choice=SliceChoice("axial", 0, "rule"), spacing_mm=(1, 1, 1), mask=MASK[:, :, 8:9]
    )
    assert to_png(figure) == to_png(again)


def test_one_moment_beside_the_truth_is_drawn_larger_than_a_strip() -> None:
    truth = np.where(MASK, 1.0, 0.0)[:, :, 8:9]

    def width(count: int) -> float:
        choice = SliceChoice("axial", 0, "rule")
        figure = draw_progression(frames(count), truth=truth, choice=choice, spacing_mm=(1, 1, 1))
        return float(figure.axes[0].get_position().width)

    assert width(1) > 1.5 * width(2)


def test_a_strip_of_other_shapes_is_refused() -> None:
    with pytest.raises(UsageError, match="frames of shape"):
        draw_progression(frames(2), truth=np.zeros(SHAPE), choice=SliceChoice("axial", 0, "rule"), spacing_mm=(1, 1, 1))
    with pytest.raises(UsageError, match="no frame"):
        draw_progression([], truth=np.zeros(SHAPE), choice=SliceChoice("axial", 0, "rule"), spacing_mm=(1, 1, 1))
