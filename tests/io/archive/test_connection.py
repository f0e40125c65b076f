"""Connections: from a file or the environment, and nothing secret in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.errors import UsageError
from voxlate.io.archive import Connection, connection_from, open_archive, parse_address


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_credentials_come_from_the_file_or_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "{user: me, password: hidden, ca: ca.pem, timeout_s: 5}")
    environment = {"VOXLATE_CONNECTION": str(file), "VOXLATE_ARCHIVE_TOKEN": "other"}
    found = connection_from(None, environment)
    assert (found.user, found.token, found.ca, found.timeout_s) == ("me", None, tmp_path / "ca.pem", 5)
    assert found.password is not None
    assert found.password.get_secret_value() == "hidden"
    assert "hidden" not in repr(found)
    assert connection_from(None, {}) == Connection()
    [token] = [connection_from(None, {"VOXLATE_ARCHIVE_TOKEN": "other"}).token]
    assert token is not None
    assert token.get_secret_value() == "other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pasword: hidden", "Did you mean password?"),
        ("{user: me, password: [hidden]}", "password: Input should be a valid string"),
        ("user: me", "a user and a password go together"),
        ("{user: me, password: hidden, token: hidden}", "either a user with a password, or a token"),
        ("key: k.pem", "a certificate and its key go together"),
        ("title: A TITLE OF 18 CHARS", "an AE title has 1 to 16 characters"),
        ("password: 'hidden", "expected YAML, got a file that is none"),
        ("- hidden", "expected the fields of a connection, got list"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        connection_from(write(tmp_path / "a.yaml", text), {})
    assert message in str(error.value)
    assert "hidden" not in str(error.value)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "token: hidden", mode=0o640)
    with pytest.raises(UsageError, match=r"its owner alone can read, got one that others can\. .*chmod 600"):
        connection_from(file, {})


def test_no_credentials_go_over_an_open_line(tmp_path: Path) -> None:
    connection = connection_from(write(tmp_path / "a.yaml", "token: hidden"), {})
    with pytest.raises(UsageError, match="expected TLS for credentials, got an open line"):
        open_archive(parse_address("dicomweb+http://pacs.example/x"), connection)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = Connection(certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    with pytest.raises(UsageError, match=r"c\.pem: expected certificates in PEM, got what cannot be read"):
        missing.client_tls()
    broken = Connection(ca=write(tmp_path / "ca.pem", "no certificate"))
    with pytest.raises(UsageError, match="expected certificates in PEM"):
        broken.client_tls()
