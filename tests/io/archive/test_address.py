"""Addresses of archives: what is one, and what is refused without being repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.errors import UsageError
from voxlate.io.archive import Address, check_uid, is_address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dicomweb+https://pacs.example/dicom-web/", Address("dicomweb+https", "pacs.example", 0, path="/dicom-web")),
        ("dicomweb+http://[::1]:8042/a", Address("dicomweb+http", "::1", 8042, path="/a")),
        ("dicom://MY PACS@10.0.0.1:104", Address("dicom", "10.0.0.1", 104, title="MY PACS")),
        ("DICOM+TLS://PACS@pacs:2762/", Address("dicom+tls", "pacs", 2762, title="PACS")),
    ],
)
def test_an_address_says_how_and_where(text: str, address: Address) -> None:
    assert is_address(text)
    assert parse_address(text) == parse_address(Path(text)) == parse_address(str(address)) == address


def test_a_path_is_no_address() -> None:
    assert not any(map(is_address, ["study/T1", "C:/scans", "a:b", Path("/x/y.nii.gz"), "dicom:///x"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dicomweb+https://me:secret@pacs/dicom-web", "an address without credentials"),
        ("dicomweb+https://secret@pacs/dicom-web", "an address without credentials"),
        ("dicom://PACS:secret@pacs:104", "an address without credentials"),
        ("dicomweb+https://pacs/dicom-web?token=secret", "one without a host, or with more behind it"),
        ("dicomweb+https://", "one without a host"),
        ("dicomweb+https://pacs:secret/x", "what is no address"),
        ("dicom://pacs:104", "one without AE title and port"),
        ("dicom://PACS@pacs", "one without AE title and port"),
        ("dicom://TITLE-OF-17-CHARS@pacs:104", "one without AE title and port"),
        ("dicom://PACS@pacs:104/secret", "with more behind it"),
        ("dicomwb+https://pacs/dicom-web", r"Did you mean dicomweb\+https\?"),
        ("https://pacs/dicom-web", "begins with 'https'"),
    ],
)
def test_what_is_none_is_refused_and_no_secret_repeated(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        parse_address(text)
    assert "secret" not in str(error.value)


def test_an_open_line_is_one_to_another_machine() -> None:
    texts = ("dicomweb+http://pacs/x", "dicomweb+http://localhost/x", "dicomweb+https://pacs/x")
    assert [parse_address(text).is_open for text in texts] == [True, False, False]


@pytest.mark.parametrize("uid", ["", "..", "1/2", "1..2", "1.02", "1.2\n", "1" * 65])
def test_an_identifier_that_is_none_names_no_folder(uid: str) -> None:
    with pytest.raises(UsageError, match="the identifier of a study"):
        check_uid(uid, what="study")
    assert check_uid("1.2.840.0", what="study") == "1.2.840.0"
