"""A segmentation of three cases with known scores, one of them without the smaller class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.result import SegmentationSubject

CLASSES = {"whole tumour": (1, 2), "tumour core": (2,)}
_DICE = {"lookup": (0.25, 0.5, 0.125), "model": (0.75, 0.5, 0.625)}


def scores() -> list[Score]:
    """Dice, recall, accuracy, HD95, lesions and volumes."""
    found = []
    for number in range(3):
        for method, values in _DICE.items():
            for region in ("whole tumour", "tumour core")[: 2 if method == "model" else 1]:
                empty = region == "tumour core" and number == 2
                head = (f"case-{number}", region, method)
                dice = math.nan if empty else values[number]
                found += [
                    Score(*head, "dice", dice, "1"),
                    Score(*head, "recall", dice, "1"),
                    Score(*head, "precision", dice, "1"),
                    Score(*head, "accuracy", 0.96875, "1"),
                    Score(*head, "hd95", 4.0 + number, "mm"),
                    Score(*head, "detection_tp", 0.0 if empty else 1.0, "1"),
                    Score(*head, "detection_fn", float(number), "1"),
                    Score(*head, "detection_fp", 0.0, "1"),
                    Score(*head, "volume", 10.0 + number, "ml"),
                ]
        found += [Score(f"case-{number}", region, "truth", "volume", 12.0, "ml") for region in CLASSES]
    return found


def subject(**changes: Any) -> SegmentationSubject:
    """What these scores are of."""
    fields: dict[str, Any] = {
        "name": "segment-default",
        "source": ("flair", "t1c"),
        "target": "labels",
        "reference": "flair",
        "classes": CLASSES,
        "facts": {"model": "segment-default"},
        "cases": "held-out",
        "seen": 0,
        "scored": 3,
        "gap": "",
        "failed": (),
    }
    return SegmentationSubject(**{**fields, **changes})


def label_maps(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image, what is truly there and what was found, ``(i, j, k)``; the lesion of every case is somewhere else."""
    image = np.random.default_rng(number).uniform(0.5, 1, (16, 18, 12)).astype(np.float32)
    image[:2], image[-2:] = 0, 0
    truth, found = np.zeros(image.shape), np.zeros(image.shape)
    truth[4:9, 5:10, 3 + number : 8], truth[5:7, 6:8, 4:6] = 1, 2
    found[5:10, 5:10, 3 : 8 - number], found[5:7, 6:8, 4:6] = 1, 2
    return image, truth, found
