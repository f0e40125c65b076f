from __future__ import annotations

from voxlate.evaluation.readers import REAL_OR_SYNTHETIC, PairReading, judge_readers
from voxlate.reporting.readers import readers_page


def test_the_page_opens_with_the_answer_and_says_what_was_blinded() -> None:
    readings = [PairReading(name, str(pair), pair % 3 > 0, (4, 3)) for name in ("A & B", "c") for pair in range(12)]
    page = readers_page(
        judge_readers(readings),
        title="heads",
        kinds=REAL_OR_SYNTHETIC,
        facts={"seed": 5},
        warnings=["Two of the cases were seen."],
    )
    html = page.html().replace("\N{NO-BREAK SPACE}", " ")
    assert "of 24 readings 16 chose real, 67 %" in html
    assert "A &amp; B" in html
    assert "all readings" in html
    assert "Cohen&#39;s kappa over the 12 pairs that all readers have read: 1" in html
    assert "without the mark SYNTHETIC" in html
    assert "Two of the cases were seen." in html
