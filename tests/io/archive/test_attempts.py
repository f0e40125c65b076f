"""Requests that are made again, so often and no oftener; and the packages that an extra brings."""

from __future__ import annotations

import sys

import pytest

from voxlate.errors import NetworkError, UsageError
from voxlate.io.archive import Connection, open_archive, parse_address
from voxlate.io.archive.attempts import TryAgainError, tried


@pytest.mark.parametrize(("faults", "tries"), [(0, 1), (2, 3), (3, 3)])
def test_a_request_is_made_again_with_pauses_that_double(
    monkeypatch: pytest.MonkeyPatch, faults: int, tries: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    asked = iter(range(10))

    def ask() -> str:
        if next(asked) < faults:
            raise TryAgainError("silence", "Wait.")
        return "answer"

    connection = Connection(tries=tries, retry_after_s=1)
    if faults < tries:
        assert tried(ask, connection, expected="an answer", where="pacs") == "answer"
    else:
        with pytest.raises(NetworkError, match=r"pacs: expected an answer, got silence, 3 times\. Wait\."):
            tried(ask, connection, expected="an answer", where="pacs")
    assert pauses == [1.0, 2.0][: min(faults, tries - 1)]


@pytest.mark.parametrize(
    ("address", "package"),
    [("dicom://PACS@127.0.0.1:9", "pynetdicom"), ("dicomweb+http://127.0.0.1:9/x", "dicomweb_client")],
)
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, address: str, package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"pip install 'voxlate\[dicom-network\]'"):
        open_archive(parse_address(address), Connection()).find("1.2")
