"""A privacy audit made by hand: a mirrored copy, a new image, one that could not be laid over, and a translated one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voxlate.contrast import get_contrast
from voxlate.evaluation.privacy.attack import Membership
from voxlate.evaluation.privacy.audit import Audit, FalseAlarms, SpaceAudit
from voxlate.evaluation.privacy.measurement import AttackedCase, Measured, Question, Role, SpaceMeasurement
from voxlate.evaluation.privacy.members import Origin
from voxlate.evaluation.privacy.neighbours import Neighbour, Threshold
from voxlate.evaluation.privacy.placing import Placings
from voxlate.evaluation.privacy.summary import PrivacyResult, summarise_privacy
from voxlate.evaluation.privacy.verdict import Circumstances, decisions, privacy_caveats, say_privacy
from voxlate.volume import Grid

FAILED = (("flat", "it has no contrast"),)
KNOWN = Circumstances(known=True, features=True, unread=0, failed=FAILED)
ALARMS = FalseAlarms(1, 2, (0.1, 0.9))


def _asked(case: str, role: Role, *nearest: tuple[str, float], mirrored: bool = False) -> Question:
    return Question(case, role, tuple(Neighbour(*one, mirrored) for one in nearest))


PIXEL = SpaceMeasurement(
    "pixel",
    (
        Question("copy", "synthetic", (Neighbour("m1", 0.1, mirrored=True), Neighbour("m2", 0.7))),
        _asked("new", "synthetic", ("m2", 0.9)),
        _asked("odd", "synthetic", ("m1", 0.8)),
        _asked("made", "synthetic", ("m3", 0.75)),
        _asked("m1", "member", ("m2", 0.8)),
        _asked("h1", "held-out", ("m1", 0.3)),
        _asked("h2", "held-out", ("m2", 0.6)),
    ),
    (AttackedCase("m1", 0, member=True, score=-0.1), AttackedCase("h1", 1, member=False, score=-0.5)),
)
LABEL = SpaceMeasurement(
    "label",
    (
        _asked("copy", "synthetic", ("m3", 0.6)),
        _asked("new", "synthetic", ("m2", 0.9)),
        _asked("odd", "synthetic", ("m1", 0.25)),
    ),
    (),
)


def measured() -> Measured:
    """What was measured, on a template of eight voxels."""
    grid = Grid((2, 2, 2), np.diag([4.0, 4.0, 4.0, 1.0]))
    worlds = (np.eye(4), np.diag([-1.0, 1.0, 1.0, 1.0]))
    synthetic, real = dict.fromkeys(("copy", "new", "odd", "made"), worlds), dict.fromkeys(("m1", "m2"), worlds)
    placings = Placings.of(grid, compared=8, synthetic=synthetic, real=real)
    return Measured(
        spaces=(PIXEL, LABEL),
        members=("m1", "m2", "m3", "m4"),
        held_out=("h1", "h2"),
        failed=FAILED,
        unusable=(("r9", "damaged"),),
        strangers={"odd": "it could not be laid over the real images"},
        images=placings,
        labels=replace(placings, compared=7),
    )


def _space(found: SpaceMeasurement, threshold: Threshold) -> SpaceAudit:
    attack = {one.case: one.score for one in found.attacked}
    return SpaceAudit(found.space, threshold, found.questions, (), None, None, attack)


def audit() -> Audit:
    """What was found."""
    pixel = replace(
        _space(PIXEL, Threshold(0.4, 0.8)),
        twins=(("m1", "m2"),),
        alarms=ALARMS,
        membership=Membership(0.575, (0.325, 0.8), 4, 2),
    )
    return Audit(
        contrast=get_contrast("t1"),
        measured=measured(),
        spaces={"pixel": pixel, "label": _space(LABEL, Threshold(0.5, 1.0))},
        alarms=ALARMS,
        origins={"made": Origin("scan", "m4")},
    )


def result() -> PrivacyResult:
    """What its pages are made from."""
    found = audit()
    decided = decisions(found)
    answer = say_privacy(found, decided, KNOWN)
    summary = summarise_privacy(found, decided, answer=answer, failed=FAILED, facts={"software": "x"})
    return PrivacyResult(found, decided, summary, ("made", "cohort"), privacy_caveats(found, KNOWN), FAILED)
