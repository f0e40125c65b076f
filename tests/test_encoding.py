"""A terminal of any encoding shows what a command says."""

from __future__ import annotations

import io

import pytest

from voxlate.cli.encoding import say_anything


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", b"-3 x 2 \\xe4 \\udcf6"), ("latin-1", "-3 \xd7 2 \xe4 \\udcf6".encode("latin-1"))],
)
def test_signs_that_an_encoding_lacks_are_spelt(encoding: str, shown: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    say_anything(stream)
    stream.write("\N{MINUS SIGN}3 \N{MULTIPLICATION SIGN} 2 \xe4 \udcf6")
    stream.flush()
    assert raw.getvalue() == shown


def test_utf_8_stays_as_it_is_but_for_bytes_that_are_none() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    say_anything(stream)
    stream.write("\N{MINUS SIGN}3 \udcf6")
    stream.flush()
    assert raw.getvalue() == "\N{MINUS SIGN}3 \\udcf6".encode()
