"""The picture of a data set: patients by contrasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.reporting.samples import LESION, MASK
from tests.reporting.test_plots import texts
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.reporting.drawing.mosaic import MosaicCase, draw_mosaic
from voxlate.workflows.pictures import publish_mosaic


def test_four_cases_with_all_their_contrasts(phantom_cohort: Path, tmp_path: Path) -> None:
    publish_mosaic(index_cohort(phantom_cohort), tmp_path / "data.png")
    assert (tmp_path / "data.png").stat().st_size > 50_000


def test_what_a_case_lacks_is_an_empty_place() -> None:
    image = np.where(MASK, 500.0, 0.0)
    whole = MosaicCase("one", {"T1": image, "T2": image}, LESION.astype(int), (1.0, 1.0, 1.0), "lesion")
    lacking = MosaicCase("two", {"T1": image}, None, (1.0, 1.0, 1.0), "lesion")
    figure = draw_mosaic([whole, lacking], heading="2 of 9 cases")
    told = texts(figure)
    assert {"one", "two", "T1", "T2", "2 of 9 cases"} <= set(told)
    assert any("largest lesion area, median of the foreground" in text for text in told)
    with pytest.raises(UsageError, match="images to draw"):
        draw_mosaic([], heading="")
