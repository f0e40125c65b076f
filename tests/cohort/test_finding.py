"""Findings of one code in many cases, gathered for whoever reads them on a terminal."""

from __future__ import annotations

from voxlate.cohort.finding import Finding, gather, sort_findings


def _many(code: str, cases: str, severity: str = "warning") -> list[Finding]:
    return [Finding(severity, code, case, f"{case} is {code}.") for case in cases]  # type: ignore[arg-type]


def test_more_than_three_cases_of_a_code_are_one_finding_that_names_the_others() -> None:
    found = [*_many("unreadable", "a", "error"), *_many("misaligned", "abcd"), *_many("misaligned", "ab", "info")]
    shown = gather(found, every="--all")
    assert [(one.severity, one.code, one.case) for one in shown] == [
        ("error", "unreadable", "a"),
        ("warning", "misaligned", "a"),
        ("info", "misaligned", "a"),
        ("info", "misaligned", "b"),
    ]
    assert shown[1].message == "a is misaligned. The same in 3 more cases: b, c, d (all with --all)."


def test_three_cases_or_the_cohort_as_a_whole_stay_as_they_are() -> None:
    found = [*_many("small_mask", "abc"), *_many("small_mask", "a"), *[Finding("info", "left_out", "", "x")] * 5]
    assert gather(found, every="--all") == found


def test_files_that_belong_to_no_case_are_gathered_by_their_words() -> None:
    said = [f"{folder}/a.dcm: is not used." for folder in "pqrs"]
    found = [Finding("warning", "dicom", "", text) for text in [*said, "t/a.dcm: has no header."]]
    assert [one.message for one in gather(found, every="--all")] == [
        "p/a.dcm: is not used. The same in 3 more places: q/a.dcm, r/a.dcm, s/a.dcm (all with --all).",
        "t/a.dcm: has no header.",
    ]


def test_findings_of_no_case_come_first_in_natural_order() -> None:
    found = [Finding("warning", "x", case, f"p{number}: odd.") for case, number in [("b", 1), ("", 10), ("", 2)]]
    assert [(one.case, one.message) for one in sort_findings(found)] == [
        ("", "p2: odd."),
        ("", "p10: odd."),
        ("b", "p1: odd."),
    ]


def test_a_long_list_is_cut_and_several_findings_of_a_case_are_counted() -> None:
    (shown,) = gather(_many("misaligned", "aabbcdefghijk"), every="--json")
    assert shown.message == (
        "a is misaligned. The same in 10 more cases, 12 findings more: b, c, d, e, f, g, h, i ... (all with --json)."
    )


def test_a_sentence_names_its_case_once() -> None:
    said = [
        Finding("warning", "x", case, message).sentence
        for case, message in [
            ("scan_T1", "/data/scan_T1.nii.gz: unlike the others."),
            ("p1", "/data/p2_T1.nii.gz: unlike the others."),
            ("1", "1.5 T: another field strength."),
            ("", "No case has labels."),
        ]
    ]
    assert said == [
        "/data/scan_T1.nii.gz: unlike the others.",
        "p1: /data/p2_T1.nii.gz: unlike the others.",
        "1: 1.5 T: another field strength.",
        "No case has labels.",
    ]
