"""Where the truth shows nothing, nothing is scored, and how much that is stands beside the scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from tests.preprocess.samples import affine_of, head, make_case, painted
from voxlate.cohort.labels.labelling import Labelling
from voxlate.config.plan import PlanOptions
from voxlate.evaluation.cases import Scored, score_coverage, score_volumes
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.fidelity.comparison import Comparison, compare
from voxlate.evaluation.fidelity.result import judge_fidelity, summarise_fidelity
from voxlate.evaluation.scores import Score
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.prepare import prepare_case
from voxlate.reporting.drawing.panels import Panel, draw_translation
from voxlate.reporting.fidelity.pictures import panel_of, picture_of
from voxlate.volume import Volume

SHAPE = (28, 30, 26)
AFFINE = affine_of(spacing=(5.0, 5.0, 5.0))
LABELS = head(SHAPE)
LABELS[LABELS == 3] = 2
T1 = painted(LABELS, (0.0, 300.0, 200.0), noise=6)
CT = np.rint(painted(LABELS, (-1000.0, 900.0, 40.0), noise=8, seed=5))
K = np.indices(SHAPE)[2]
LESION = np.zeros(SHAPE, np.uint8)
LESION[12:16, 12:16, 8:16] = 1


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    """The prediction is the full CT; the truth is padded with -1024 HU below slice 12."""
    padded = np.where(K < 12, -1024, CT).astype(np.int16)
    case = make_case(tmp_path, {"t1": (T1, AFFINE), "ct": (padded, AFFINE), "labels": (LESION, AFFINE)})
    options = PlanOptions()
    plan = make_plan(take_fingerprint([case], ["t1", "ct"], options=options), options, source=["t1"], target="ct")
    prepared = prepare_case(case, plan, contrasts=["t1", "ct"])
    lookup = Lookup.fit([(prepared.arrays["t1"], prepared.arrays["ct"], prepared.shown("t1", "ct"))])
    predicted = {"model": Volume(CT.astype(np.float32), AFFINE)}
    return compare(case, plan, predicted, scaling=plan.normalisers["ct"].inverse, lookup=lookup)


def _scores(comparison: Comparison) -> list[Score]:
    return [*score_volumes(comparison, Labelling({1: "lesion"})), *score_coverage(comparison)]


def _values(scores: list[Score]) -> dict[tuple[str, str, str], float]:
    return {(score.region, score.method, score.metric): score.value for score in scores}


def test_only_what_the_truth_shows_is_scored(compared: Comparison) -> None:
    found = _values(_scores(compared))
    hidden, shown = np.count_nonzero(compared.hidden), np.count_nonzero(compared.mask)
    share = hidden / (hidden + shown)
    assert found["foreground", "model", "mae"] == 0
    assert found["foreground", "model", "ssim"] == pytest.approx(1)
    assert found["lesion", "model", "mae"] == 0
    assert found["foreground", "truth", "not_shown"] == pytest.approx(100 * share)
    assert 20 < found["foreground", "truth", "not_shown"] < 60
    # What was padded is no air, and the lookup has not learned that tissue may be air.
    assert np.isnan(found["air", "model", "mae"])
    assert found["soft tissue", "lookup", "mae"] < 50
    assert compared.labels is not None
    assert compared.labels.any()
    assert compared.hidden is not None
    assert not (compared.labels[compared.hidden] != 0).any()


def test_the_share_is_said_and_drawn(compared: Comparison) -> None:
    scores = _scores(compared)
    summary = summarise_fidelity(Scored({"one": CaseEvidence(scores, more={"structures": []})}))
    sentence = judge_fidelity(summary, cases="held-out")
    assert "In 1 of 1 case " in sentence
    assert "% of the foreground (mean) is not shown by the true image" in sentence
    panel = panel_of(picture_of(compared, labelled="lesion"), scores, case="one", source="t1", target="ct")
    assert np.isnan(panel.truth).any()
    figure = draw_translation(panel, planes=("coronal",))
    texts = [text.get_text().lower() for text in figure.findobj(match=Text) if isinstance(text, Text)]
    assert any("hatched: not shown by the truth" in text for text in texts)
    assert np.array_equal(np.isnan(panel.compared), np.isnan(panel.truth)), "hatched in both, black in neither"
    assert panel.cut("coronal").of(panel.truth).shape == panel_of_all(panel).cut("coronal").of(panel.truth).shape


def panel_of_all(panel: Panel) -> Panel:
    """The panel with a truth that shows all of the foreground."""
    return replace(panel, truth=np.nan_to_num(panel.truth), mask=np.isnan(panel.truth) | (np.asarray(panel.mask) != 0))


def test_a_truth_that_shows_all_is_scored_as_ever(compared: Comparison) -> None:
    whole = Comparison(**{**vars(compared), "hidden": None})
    scores = _scores(whole)
    assert not [score for score in scores if score.metric == "not_shown"]
    assert "hidden" not in picture_of(whole, labelled="lesion")
    sentence = judge_fidelity(
        summarise_fidelity(Scored({"one": CaseEvidence(scores, more={"structures": []})})), cases="held-out"
    )
    assert "not shown" not in sentence
