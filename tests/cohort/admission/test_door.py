"""One door: the same sentence whoever reads, a refusal that says what can be accepted, warnings that are told once."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.cohort.admission.bodies import depth, head_ct, head_mr
from voxlate import ablate, compare, evaluate, synthesize, train, translate, tune
from voxlate.cohort.admission import admit, refuse, tell, weigh
from voxlate.cohort.admission.labels import small_mask
from voxlate.cohort.finding import Finding
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError
from voxlate.verbs.calls import telling_anew
from voxlate.volume import Volume


def _admit(array: np.ndarray, contrast: str, name: str) -> list[Finding]:
    volume = Volume(array, np.eye(4), get_contrast(contrast))
    return admit(volume, case="patient7", path=Path("data") / name)


@pytest.mark.parametrize(
    ("name", "contrast", "found"),
    [
        ("x_T2.nii.gz", "t1", True),
        ("x_T1.nii.gz", "t1", False),
        ("x.nii.gz", "t1", False),
        ("x_T1_FLAIR.nii.gz", "flair", True),
        ("x_T2star.nii.gz", "t2", True),
        ("x_T2*.nii.gz", "t2", True),
        ("post_T1.nii.gz", "t1", True),
        ("post_T1.nii.gz", "t1c", False),
        ("mask_T1.nii.gz", "t1", True),
        ("lesion_T1.nii.gz", "t1", True),
        ("x_FLAIR_to_T1.nii.gz", "t1", True),
        ("x_T1.nii.gz", "mr", False),
        ("mr.nii.gz", "t2", False),
        ("patient7_T2.nii.gz", "t1", True),
    ],
)
def test_a_name_that_says_another_contrast_is_warned_of(name: str, contrast: str, found: bool) -> None:
    codes = [(finding.severity, finding.code) for finding in _admit(head_mr(), contrast, name)]
    assert codes == [("warning", "other_contrast")] * found


def test_a_label_map_may_have_the_name_of_its_image() -> None:
    assert _admit(np.eye(4, dtype=np.uint8)[:, :, None] * np.ones(4, np.uint8), "labels", "x_T1.nii.gz") == []


def test_a_refusal_says_once_where_and_how_to_accept() -> None:
    found = _admit(head_ct() + 1024, "ct", "a: b.nii.gz")
    with pytest.raises(ReadError) as refused:
        refuse(found)
    text = str(refused.value)
    assert text.startswith(
        f"{Path('data') / 'a: b.nii.gz'}: expected an image that is what it is taken for, got this: values"
    )
    assert text.count("a: b.nii.gz") == 1
    assert "patient7" not in text
    assert "--accept not_hounsfield" in text
    assert "plan.reading.accept: [not_hounsfield]" in text
    [note] = refuse(found, accept=["not_hounsfield"])
    assert note == found[0].message.removeprefix("data/")


def test_voxels_without_a_number_are_no_tissue() -> None:
    """A CT whose surroundings are NaN, read with zeros there, has no background of 0 HU."""
    missing = depth() > 1
    array = np.where(missing, 0, head_ct()).astype(np.float32)
    volume = Volume(array, np.eye(4), get_contrast("ct"), missing=missing)
    assert admit(volume, case="a", path=Path("x.nii.gz")) == []
    assert [finding.code for finding in _admit(array, "ct", "x.nii.gz")] == ["hounsfield_background"]


def test_every_fault_that_needs_accepting_is_named() -> None:
    found = [Finding("error", code, "a", f"a.nii.gz: {code}.") for code in ("one", "two")]
    with pytest.raises(ReadError, match=r"--accept one --accept two"):
        refuse(found)
    with pytest.raises(ReadError, match=r"--accept two,"):
        refuse(found, accept=["one"])
    assert len(refuse(found, accept=["one", "two"])) == 2


def test_a_constant_image_cannot_be_accepted() -> None:
    found = _admit(np.full((4, 4, 4), 5), "t1", "x.nii.gz")
    with pytest.raises(ReadError, match="cannot be used as it is") as refused:
        refuse(found, accept=["constant_image"])
    assert "--accept" not in str(refused.value)
    assert weigh(found, accept=["constant_image"]) == found


def test_an_accepted_error_is_a_warning() -> None:
    [finding] = weigh(_admit(head_ct() + 1024, "ct", "x.nii.gz"), accept=["not_hounsfield"])
    assert finding.severity == "warning"


def test_a_warning_is_logged_once_for_a_case(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    one = Finding("warning", "other_contrast", "a", f"{tmp_path}: by its name")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            refuse([one])
            tell([one])
        refuse([Finding("warning", "other_contrast", "b", one.message), Finding("info", "x", "a", "of no weight")])
    assert [record.getMessage() for record in caplog.records] == [f"a: {one.message}", f"b: {one.message}"]


def test_another_call_of_a_verb_tells_again(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    one = Finding("warning", "other_contrast", "a", f"{tmp_path}: by its name")

    @telling_anew
    def verb() -> None:
        tell([one])
        tell([one])

    with caplog.at_level(logging.WARNING):
        verb()
        verb()
    assert [record.getMessage() for record in caplog.records] == 2 * [f"a: {one.message}"]
    assert all(hasattr(each, "__wrapped__") for each in (ablate, compare, evaluate, synthesize, train, translate, tune))


def test_many_warnings_alike_are_one_line_and_not_told_again(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    many = [Finding("warning", "misaligned", case, f"{tmp_path} fits better when shifted.") for case in "abcd"]
    other = Finding("warning", "visits", "", f"ids of {tmp_path} differ at their end.")
    with caplog.at_level(logging.WARNING):
        tell([*many, other])
        refuse(many[2:3])
    first, last = [record.getMessage() for record in caplog.records]
    assert first.startswith(f"a: {many[0].message} The same in 3 more cases: b, c, d (all with ")
    assert last == other.message


def test_a_second_measure_of_a_small_mask_is_not_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    many = [small_mask("1 % of the volume", case=case, path=tmp_path / case) for case in "abcde"]
    again = [small_mask("2 % of what t1 shows", case=case, path=tmp_path / case) for case in "abcdef"]
    with caplog.at_level(logging.WARNING):
        tell(many)
        for one in again:
            refuse([one])
    messages = [record.getMessage() for record in caplog.records]
    assert [message[:2] for message in messages] == ["a:", "f:"]
