"""How an error reads."""

from __future__ import annotations

import pytest

from voxlate.errors import ReadError, VoxlateError


@pytest.mark.parametrize(
    ("came", "text"),
    [
        ("five axes", "a.nii: expected three axes, got five axes. Split it."),
        ("what it shows.", "a.nii: expected three axes, got what it shows. Split it."),
        ("a, b ...", "a.nii: expected three axes, got a, b ... Split it."),
    ],
)
def test_no_full_stop_is_doubled(came: str, text: str) -> None:
    assert str(VoxlateError("three axes", came=came, where="a.nii", remedy="Split it.")) == text


def test_a_message_may_stand_in_another() -> None:
    inner = ReadError("three axes", came="five", remedy="Split it.")
    assert ".." not in str(ReadError("a case", came=str(inner), where="a", remedy="Repair it."))
