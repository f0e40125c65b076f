"""Small pictures and scores made by hand, with every value known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel

SHAPE = (20, 26, 16)


@dataclass(frozen=True)
class Score:
    """A score as the evaluation makes it."""

    case: str
    region: str
    method: str
    metric: str
    value: float
    unit: str


def ball(centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
    places = np.indices(SHAPE).astype(float)
    squares = [(axis - middle) ** 2 for axis, middle in zip(places, centre, strict=True)]
    return np.asarray(np.sum(squares, axis=0) < radius**2)


MASK = ball((9.5, 12.5, 7.5), 7.5)
LESION = ball((14, 15, 9), 2.5)  # on the patient's right


def panel(**changes: Any) -> Panel:
    truth = np.where(MASK, 500.0, 0.0) + np.where(LESION, 300.0, 0.0)
    plain = Panel(
        case="case_001",
        sources={"T1": np.where(MASK, 500.0, 0.0)},
        prediction=np.where(MASK, 500.0, 0.0),
        truth=truth,
        target="T2",
        unit="a.u.",
        mask=MASK,
        lesion=LESION,
        window=(0.0, 1000.0),
        numbers=("foreground: MAE 12.3 a.u.",),
    )
    return replace(plain, **changes)


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """The figure as ``(rows, columns, 3)``."""
    from io import BytesIO

    from matplotlib.image import imread

    image = imread(BytesIO(to_png(figure)), format="png")
    return np.asarray(np.round(image[..., :3] * 255), dtype=np.uint8)


def count_colours(figure: Figure) -> int:
    """How many different colours the figure has."""
    image = pixels(figure).astype(np.uint32)
    return int(np.count_nonzero(np.bincount((image[..., 0] << 16 | image[..., 1] << 8 | image[..., 2]).ravel())))


def scores(cases: int = 6) -> list[Score]:
    """Scores in which the model's error is half of lookup's, and the methods come in the wrong order."""
    made = []
    for case in range(cases):
        for region in ("foreground", "lesion"):
            for method, error in (("model", 30.0), ("lookup", 60.0), ("identity", 200.0)):
                value = error + case + (20 if region == "lesion" else 0)
                name = f"case_{case:03d}"
                made.append(Score(name, region, method, "mae", value, "a.u."))
                made.append(Score(name, region, method, "ssim", 1 - value / 400, "1"))
    return made
