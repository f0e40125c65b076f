"""A task of three arms and seven cases with known scores."""

from __future__ import annotations

import math
from typing import Any

from voxlate.evaluation.scores import Score
from voxlate.evaluation.task.result import TaskSubject
from voxlate.roles import ARMS

CASES = tuple(f"case-{number}" for number in range(7))
_DICE = {"real": 0.75, "synthetic": 0.5, "without": 0.25}


def scores() -> list[Score]:
    """Dice, recall, HD95, lesions and volumes; no Dice with the synthetic image in the last case."""
    found = []
    for number, case in enumerate(CASES):
        for arm in ARMS:
            head = (case, "lesion", arm)
            lost = arm == "synthetic" and case == CASES[-1]
            dice = math.nan if lost else _DICE[arm] + (number % 4 if arm == "real" else -number) / 64
            found += [
                Score(*head, "dice", dice, "1"),
                Score(*head, "recall", 0.5, "1"),
                Score(*head, "hd95", 8.0 + number, "mm"),
                Score(*head, "detection_tp", 1.0, "1"),
                Score(*head, "detection_fn", 0.0, "1"),
                Score(*head, "detection_fp", 2.0, "1"),
                Score(*head, "volume", 10.0 + number, "ml"),
            ]
        found.append(Score(case, "lesion", "truth", "volume", 12.0, "ml"))
    return found


def subject(**changes: Any) -> TaskSubject:
    """What these scores are of."""
    fields: dict[str, Any] = {
        "target": "FLAIR",
        "region": "lesion",
        "cases": "held-out",
        "scored": len(CASES),
        "name": "t1-to-flair",
        "segmenter": "judge",
        "beside": ("T1",),
        "facts": {"model": "t1-to-flair"},
        "seen": {"segmenter": CASES[:1]},
        "moved": CASES[1:2],
    }
    return TaskSubject(**{**fields, **changes})
