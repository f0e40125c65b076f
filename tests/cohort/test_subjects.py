"""Whose scan a case is: visits that ids name are held together, likely ones are told, plain numbers are neither."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort, split_cohort
from voxlate.cohort.preflight.names import check_names
from voxlate.cohort.subjects import likely_visits, subjects_of
from voxlate.config.plan import SplitOptions


def _ids(form: str, *ends: object, persons: int = 6) -> list[str]:
    return [form.format(n, end) for n, end in itertools.product(range(persons), ends)]


SAID = [
    _ids("OAS1_{:04d}_MR{}", 1, 2),
    _ids("OAS3{:04d}_MR_d{:04d}", 129, 702),
    _ids("{:03d}_S_0295_{}", "20060418", "I118671"),
    _ids("sub-{:02d}_ses-{}", "pre", "post"),
    _ids("S{:02d}_ses{:02d}", 1, 2),
    _ids("p{}_visit{}", 1, 2),
    _ids("p{}_visit_{}", "a", "b"),
    _ids("p{:02d}_slice{:03d}", 14, 15),
    _ids("p{}-sl-{}", 7, 8),
    _ids("p{} timepoint {}", 1, 2),
    _ids("p{}_{}", "baseline", "followup"),
    _ids("p{}-{}", "pre-op", "post-op"),
    _ids("p{:02d}_{}", "V1", "V2"),
    _ids("P{:02d}{}", "V1", "V2"),
    _ids("p{:02d}_{}", "M00", "M12", persons=2),
    _ids("p{:02d}_tp{}", 1, 2),
    _ids("p{:02d}_{}", "T0", "T1"),
    _ids("p{:02d}_scan{}", 1, 2),
    _ids("TCGA_CS_494{}_{}", "19960909", "19970102"),
    _ids("p{:02d}_{}", "2019-01-02", "2020-03-04"),
    _ids("{:07d}_{}", "LEFT", "RIGHT"),
    _ids("p{:02d}_{}", "3T", "7T"),
    _ids("Patient-{:03d}_week-{:03d}", 0, 14),
    [f"{when}_p{n}" for n in range(6) for when in ("baseline", "followup")],
    [*(f"p{n}" for n in range(6)), *(f"p{n}_retest" for n in range(6))],
]
LIKELY = [
    _ids("p{}_{}", 1, 2),
    _ids("p{:02d}{}", "a", "b"),
    _ids("S{:03d}_{:03d}", 0, 1),
    _ids("{}{}", 0, 1),
    [f"{n:03d}{visit}" for n in range(80, 86) for visit in (0, 1)],
    _ids("training{:02d}_{:02d}", 1, 2, 3, 4),
    [*_ids("UPENN-GBM-{:05d}_{}", 11, persons=19), *_ids("UPENN-GBM-{:05d}_{}", 21)],
    [f"V{visit}_p{n}" for n in range(6) for visit in (1, 2)],
    [*(f"p{n}" for n in range(6)), *(f"p{n}_2" for n in range(3))],
    *(_ids("p{:02d}_{}", *ends) for ends in (("0m", "24m"), ("acute", "chronic"), ("on", "off"), ("rest", "stress"))),
    *(_ids("p{:02d}_{}", *ends) for ends in (("preNAC", "midNAC", "postNAC"), ("190304", "200405"), ("a b", "34 c"))),
    [f"p{n:02d}_{10 + n}{month}{when}" for n in range(6) for month in ("03", "Apr") for when in (2019, 20)],
    *(_ids("p{:02d}{}", "", end) for end in ("_copy", " (1)", "_flip", "-Verlauf")),
    _ids("10000{:02d}_{}_0", 2, 3),
    _ids("CC{:04d}_{}", "siemens_15_58_F", "siemens_3_60_F"),
    _ids("lung_{:02d}_{}", "insp", "exp"),
    *([f"{visit}_p{n:02d}" for n in range(persons) for visit in ("v1", "v2")] for persons in (3, 6)),
    [f"{visit}_p{n:02d}" for n in range(6) for visit in ("acute", "chronic")],
]
PLAIN = [
    [f"{n:03d}" for n in range(1, 13)],
    [str(n) for n in range(1, 25)],
    [f"{n:04d}" for n in range(0, 60, 2)],
    [f"hippocampus_{n:03d}" for n in (1, 3, 4, 6, 7, 8, 11, 14, 15, 17, 19, 20, 23, 24, 26, 33, 34, 35)],
    [f"la_{n:03d}" for n in (3, 4, 5, 7, 9, 10, 11, 14, 16, 17, 18, 19, 20)],
    [f"patient{n}" for n in ("01", "03", "12", "19", "20")],
    [f"Phantom-{n:05d}-000" for n in range(1, 7)],
    [f"BraTS19_CBICA_AA{letter}_1" for letter in "ABCDEF"],
    [f"BraTS2021_{n:05d}" for n in range(12)],
    [f"IXI{n:03d}-Guys-{800 + n:04d}" for n in range(12)],
    [f"site{site}_{n:03d}" for site in (1, 2, 3) for n in range(4)],
    [f"site{site}_V{n:02d}" for site in (1, 2, 3) for n in range(4)],
    [f"study_V{n:02d}" for n in range(20)],
    [f"{grade}_{n}" for grade in ("HGG", "LGG") for n in range(1, 4)],
    [f"1B{centre}{n:03d}" for centre in "ABC" for n in range(1, 4)],
    [f"{kind}_train_{n}" for kind in ("ct", "mr") for n in range(1001, 1004)],
    [f"{year}_{n:03d}" for year in (2019, 2020, 2021) for n in (1, 2, 3)],
    ["scan_20190102", "scan_20190103", "scan_20200101"],
    ["case 1", "case 2", "case 10"],
    *([f"{what}_{n}" for what in whats for n in range(1, 5)] for whats in (("AD", "CN", "MCI"), ("GE", "Hitachi"))),
    [f"NDAR{n}-{7919 * n % 9973}" for n in range(12)],
    [f"site{site}_p{n:02d}" for site in (1, 2, 3) for n in range(4)],
]


@pytest.mark.parametrize("ids", SAID, ids=lambda ids: ids[0])
def test_visits_that_ids_name_are_of_one_subject(ids: list[str]) -> None:
    subjects = subjects_of(ids)
    assert list(subjects) == ids
    assert len(set(subjects.values())) == len(ids) // 2
    assert likely_visits([case for case, subject in subjects.items() if case == subject]) == []


@pytest.mark.parametrize("ids", LIKELY, ids=lambda ids: ids[0])
def test_ids_that_differ_at_their_end_alone_are_told_and_stay_apart(ids: list[str]) -> None:
    assert subjects_of(ids) == {case: case for case in ids}
    groups = likely_visits(ids)
    assert len(groups) >= 3
    assert all(len(group) > 1 for group in groups)


@pytest.mark.parametrize("ids", PLAIN, ids=lambda ids: ids[0])
def test_plain_ids_are_subjects_of_their_own_without_a_word(ids: list[str]) -> None:
    assert subjects_of(ids) == {case: case for case in ids}
    assert likely_visits(ids) == []


@pytest.mark.parametrize("ends", [("pre", "mid", "post"), ("test", "retest"), ("bl", "m18", "m36", "later")])
def test_a_visit_that_is_not_held_with_the_others_of_its_person_is_told(ends: tuple[str, ...], tmp_path: Path) -> None:
    touch(*(tmp_path / case / f"{name}.nii.gz" for case in _ids("p{:02d}_{}", *ends) for name in ("t1", "t2")))
    cohort = index_cohort(tmp_path)
    told = {one.severity for one in check_names(cohort) if one.code == "visits"}
    assert "warning" in told or len({case.subject for case in cohort.cases}) == 6


def test_no_split_parts_the_visits_of_a_person(tmp_path: Path) -> None:
    touch(*(tmp_path / case / f"{name}.nii.gz" for case in _ids("OAS1_{:04d}_MR{}", 1, 2) for name in ("t1", "t2")))
    cohort = index_cohort(tmp_path)
    for seed in range(5):
        split = split_cohort(cohort, SplitOptions(), seed=seed)
        assert all(split[f"OAS1_{n:04d}_MR1"] == split[f"OAS1_{n:04d}_MR2"] for n in range(6))
    (told,) = check_names(cohort)
    assert (told.severity, told.code) == ("info", "visits")
    assert "subject" in told.message
    assert "OAS1_0000_MR1, OAS1_0000_MR2" in told.message


@pytest.mark.parametrize(("form", "severity"), [("p{}_slice{:02d}", "info"), ("p{}_{:03d}", "warning")])
def test_slices_of_one_person_stay_together_or_are_told(form: str, severity: str, tmp_path: Path) -> None:
    touch(*(tmp_path / name / f"{case}.png" for case in _ids(form, *range(20), persons=3) for name in ("T1", "T2")))
    cohort = index_cohort(tmp_path)
    assert len({case.subject for case in cohort.cases}) == (3 if severity == "info" else 60)
    (told,) = check_names(cohort)
    assert (told.severity, told.code) == (severity, "visits")
    assert severity == "info" or "as slices of one person do" in told.message


def test_likely_visits_are_a_warning_until_the_subjects_are_declared(tmp_path: Path) -> None:
    ids = _ids("p{}_{}", 1, 2)
    touch(*(tmp_path / case / f"{name}.nii.gz" for case in ids for name in ("t1", "t2")))
    (told,) = check_names(index_cohort(tmp_path))
    assert (told.severity, told.code) == ("warning", "visits")
    assert all(word in told.message for word in ("p0_1, p0_2", "cases.csv", "case and subject"))
    for subject in (lambda case: case[:2], lambda case: case):
        rows = [f"{case},{subject(case)}" for case in ids]
        (tmp_path / "cases.csv").write_text("\n".join(["case,subject", *rows]), encoding="utf-8")
        assert list(check_names(index_cohort(tmp_path))) == []
