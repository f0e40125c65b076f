"""Cases to scroll through: which, which slices, how large the page gets, and that its script is the one it allows."""

from __future__ import annotations

import base64
import hashlib
import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.reporting.samples import LESION, MASK, SHAPE
from voxlate.evaluation.scores import Score
from voxlate.reporting.drawing.strips import Colours, Pane, Strips, cut_strips, in_error_colours, in_greys
from voxlate.reporting.drawing.views import Cut, SliceChoice
from voxlate.reporting.page.cases import case_file, case_section, shown_cases
from voxlate.reporting.page.page import Page, Section, SliceStack


def scores(count: int) -> list[Score]:
    values = (("identity", 60.0), ("lookup", 30.0), ("model", 20.0))
    return [
        Score(f"case_{n:04d}", "foreground", method, "mae", value + n / 10, "HU")
        for n in range(count)
        for method, value in values
    ]


def strips(shape: tuple[int, int, int] = SHAPE, *, chosen: int = 9, noisy: bool = False) -> Strips:
    cut = Cut.take(SliceChoice("axial", chosen, "rule"), shape=shape, spacing_mm=(1.0, 1.0, 3.0))
    rng = np.random.default_rng(0)

    def pictures(there: Cut) -> list[Pane]:
        values = np.full(shape, float(there.choice.index))
        picture = rng.uniform(0, shape[2], there.of(values).shape) if noisy else there.of(values)
        return [Pane(in_greys(picture, window=(0.0, float(shape[2]))))] * 4

    return cut_strips(cut, pictures, region=MASK if shape == SHAPE else None)


def grey_of(image: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(image)).convert("L")).mean())


def test_a_case_is_cut_from_end_to_end_through_the_slice_of_the_figure() -> None:
    found = strips()
    inside = np.flatnonzero(MASK.any(axis=(0, 1)))
    assert (found.indices[0], found.indices[-1]) == (inside[0], inside[-1])
    assert found.indices[found.first] == 9
    assert len(found.indices) == len(set(found.indices)) == len(found.images) <= 7
    greys = [grey_of(image) for image in found.images]
    assert greys == sorted(greys)
    assert Strips.from_arrays(found.to_arrays()) == found
    assert Strips.from_arrays({}) is None


def test_a_strip_has_true_proportions() -> None:
    with Image.open(io.BytesIO(strips().images[0])) as image:
        width, height = image.size
    assert (width - 3 * 2) / 4 / height == pytest.approx(SHAPE[0] / SHAPE[1], abs=0.02)


def test_errors_are_blue_and_brown_inside_the_mask_and_lines_and_areas_lie_upon_them() -> None:
    error = np.array([[-9.0, 0.0, 9.0, np.nan]])
    colours = in_error_colours(error, limit=9.0, mask=np.ones_like(error))
    assert colours[0, 0, 2] > colours[0, 0, 0] + 50
    assert colours[0, 2, 0] > colours[0, 2, 2] + 50
    assert colours[0, 1].min() > 240
    assert colours[0, 3].tolist() == [233, 235, 237]
    black: Colours = np.zeros((16, 16, 3), np.uint8)
    square = np.zeros((16, 16))
    square[4:12, 4:12] = 1
    drawn = Pane(black, areas={"#ff0000": square}, region=square, line="#00ff00").at((64, 64))
    assert drawn[32, 32].tolist() == [153, 0, 0]
    assert drawn[32, 15].tolist() == [0, 255, 0]
    assert drawn[2, 2].tolist() == [0, 0, 0]


def section(count: int, found: Strips, *, linked: bool = False) -> Section:
    table = scores(count)
    shown = shown_cases(table, metric="mae", region="foreground")
    stacks = {
        case: SliceStack(case, "How good.", ("a", "b", "c", "d"), found, link=case_file(case) if linked else "")
        for case in shown
    }
    return case_section(table, stacks, metric="mae", region="foreground", linked=linked)


@pytest.mark.parametrize(("count", "megabytes"), [(20, 4.0), (1000, 20.0)])
def test_the_page_stays_small_however_many_cases_there_are(count: int, megabytes: float) -> None:
    found = section(count, strips((200, 240, 40), chosen=20, noisy=True), linked=True)
    [table] = found.tables
    assert len(table.rows) == count
    assert [row.title for row in table.rows[:2]] == [f"case_{count - 1:04d}", f"case_{count - 2:04d}"], "worst first"
    assert len(found.stacks) == min(count, 24)
    assert {found.stacks[0].title, found.stacks[-1].title} == {f"case_{count - 1:04d}", "case_0000"}
    assert len(Page("T1 to T2", "It works.", [found]).html().encode()) < megabytes * 1e6


def test_the_policy_allows_the_scripts_of_the_page_and_no_other() -> None:
    text = Page("T1 to T2", "It works.", [section(2, strips())]).html()
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.findall(r"https?://|fetch\(|XMLHttp|import ", script)
    assert "<script>" not in Page("T1 to T2", "It works.", [Section("Lines", lines=["a"])]).html()


def test_without_a_script_the_slice_of_the_figure_is_shown() -> None:
    found = strips()
    text = Page("T1 to T2", "It works.", [section(1, found)]).html()
    images = re.findall(r'<img src="data:image/jpeg[^>]*alt="([^"]*)"( hidden)?>', text)
    assert [alt for alt, hidden in images if not hidden] == ["axial slice 10 of 16"]
    assert len(images) == len(found.images)
    assert "<output>axial slice 10 of 16</output>" in text


def test_lesions_are_in_the_slices_that_are_shown() -> None:
    marked: NDArray[np.bool_] = LESION
    assert marked[:, :, strips().indices[strips().first]].any()
