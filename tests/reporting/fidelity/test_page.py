"""The page of translations where no case has a value."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.reporting.samples import scores
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.fidelity.result import FidelityResult, TranslationSubject, judge_fidelity, summarise_fidelity
from voxlate.reporting.fidelity.page import fidelity_brief, fidelity_page


def test_a_page_without_any_value_says_so_and_draws_nothing() -> None:
    nothing = [replace(score, value=math.nan) for score in scores(2)]
    summary = summarise_fidelity(Scored({"case": CaseEvidence(nothing, more={"structures": []})}))
    subject = TranslationSubject("m", ("t1",), "t2", {}, "a.u.", "held-out", 0, 2, anatomical=False, failed=())
    said = judge_fidelity(summary, cases="held-out")
    result = FidelityResult(subject, nothing, summary, said, {})
    page = fidelity_page(result, training=[])
    assert not page.figures
    assert "Nothing can be said about the model" in page.html()
    sheet = fidelity_brief(result, page).html()
    assert "it could not be scored" in sheet
    assert "<figure" not in sheet
