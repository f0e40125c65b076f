"""Pictures of what was found: overlays, the slice that is shown, and that what is kept of a case draws the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.evaluation.segmentation.samples import label_maps
from tests.reporting.samples import count_colours
from tests.reporting.test_plots import texts
from voxlate.evaluation.segmentation.cases import Segmented
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.segmentation.pictures import SegmentedCase, draw_finding, draw_findings, finding_of, picture_of

CLASSES = {"whole": (1, 2), "core": (2,)}


def finding(**changes: Any) -> SegmentedCase:
    image = np.random.default_rng(0).uniform(0.5, 1, (16, 18, 12)).astype(np.float32)
    truth, found = np.zeros(image.shape), np.zeros(image.shape)
    truth[4:9, 5:10, 3:8], truth[5:7, 6:8, 4:6] = 1, 2
    found[5:10, 5:10, 3:8], found[5:7, 6:8, 4:6] = 1, 2
    fields: dict[str, Any] = {
        "case": "case-1",
        "image": image,
        "title": "FLAIR",
        "truth": truth,
        "found": found,
        "classes": CLASSES,
        "spacing_mm": (1.0, 1.0, 2.0),
        "numbers": {"whole": "Dice 0.900"},
    }
    return SegmentedCase(**{**fields, **changes})


def test_a_finding_has_an_overlay_per_class_and_a_row_per_plane() -> None:
    figure = draw_finding(finding())
    assert len(figure.axes) == 3 * 3 + 1
    assert {"Whole", "Core", "FLAIR", "Dice 0.900"} <= set(texts(figure))
    assert any("largest true area" in text for text in texts(figure))
    assert count_colours(figure) > 10


def test_of_many_classes_all_are_drawn_in_a_colour_of_their_own() -> None:
    one = finding(classes={f"label {value}": (value,) for value in range(1, 7)})
    assert one.shown == ["any label"]
    assert len(set(one.colours.values())) == 6
    figure = draw_findings({"best": one})
    assert {"Any label", "True", "Found"} <= set(texts(figure))
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(one.classes)
    assert not any("not drawn" in text for text in texts(figure))


def test_nested_classes_are_painted_from_the_largest_to_the_smallest() -> None:
    one = finding(classes={"core": (2,), "whole": (1, 2), "everything": ()})
    areas = one.areas(np.array([[[0, 1, 2]]]))
    assert list(areas) == [one.colours[name] for name in ("everything", "whole", "core")]
    assert [area.sum() for area in areas.values()] == [2, 2, 1]


def test_a_case_without_labels_is_drawn_where_something_was_found() -> None:
    one = finding(truth=np.zeros((16, 18, 12)))
    assert one.choose().rule == "largest area that was found"
    neither = finding(truth=np.zeros((16, 18, 12)), found=np.zeros((16, 18, 12)))
    assert neither.choose().rule == "median of the foreground"
    assert count_colours(draw_findings({"worst": one, "best": neither})) > 10


def test_what_is_kept_of_a_case_draws_the_same_picture() -> None:
    image, truth, found = label_maps(0)
    whole = finding(image=image, truth=truth, found=found)
    segmented = Segmented("case-1", image, truth, {"lookup": truth, "model": found}, whole.spacing_mm)
    arrays = picture_of(segmented, CLASSES)
    kept = finding_of(arrays, case="case-1", title="FLAIR", classes=CLASSES, numbers=whole.numbers)
    assert to_png(draw_finding(kept)) == to_png(draw_finding(whole))
    assert np.count_nonzero(kept.image) < np.count_nonzero(whole.image) / 2
    slices = {name: part for name, part in arrays.items() if not name.startswith("strips")}
    assert sum(part.nbytes for part in slices.values()) < whole.image.nbytes / 2
    assert sum(part.nbytes for name, part in arrays.items() if name not in slices) < 100_000
