"""Where an archive is: ``dicomweb+https://host/dicom-web`` or ``dicom://AET@host:port``, and never a password in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from voxlate.errors import UsageError
from voxlate.plainyaml import nearest


class Listed(NamedTuple):
    """A series in an archive: its identifier and its modality."""

    series: str
    modality: str


_SCHEMES = ("dicomweb+https", "dicomweb+http", "dicom", "dicom+tls")
_BEGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,2}(?!/)")
"""A path makes one stroke of two."""
_TITLE = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
_FORMS = "dicomweb+https://HOST/dicom-web or dicom://AE_TITLE@HOST:PORT"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Address:
    """An archive's address.

    Attributes:
        scheme: ``dicomweb+https``, ``dicomweb+http``, ``dicom`` or ``dicom+tls``.
        host: A name or a number.
        port: Of DICOMweb 0 for the usual one.
        title: The archive's AE title, of DIMSE.
        path: Where DICOMweb is served below the host.
    """

    scheme: str
    host: str
    port: int
    title: str = ""
    path: str = ""

    @property
    def is_web(self) -> bool:
        """Whether it is reached by DICOMweb."""
        return self.scheme.startswith("dicomweb+")

    @property
    def is_open(self) -> bool:
        """Whether others can read what goes there: no TLS, and not this machine."""
        return self.scheme in {"dicomweb+http", "dicom"} and self.host not in _LOOPBACK

    @property
    def url(self) -> str:
        """What HTTP is told."""
        return str(self).removeprefix("dicomweb+")

    def __str__(self) -> str:
        title, port = f"{self.title}@" if self.title else "", f":{self.port}" if self.port else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{title}{host}{port}{self.path}"


def is_address(text: object) -> bool:
    """Whether this is the address of something on a network, and no path of a file."""
    found = _BEGIN.match(str(text))
    return found is not None and len(found[1]) > 1  # a letter is a drive


def parse_address(text: object) -> Address:
    """The address that a text states.

    Raises:
        UsageError: If it is none, or holds a user's name, a password or a question; nothing of these is repeated.

    Example:
        >>> parse_address("dicom://ORTHANC@localhost:4242").title
        'ORTHANC'
    """
    found = _BEGIN.match(str(text))
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in _SCHEMES:
        remedy = f"{nearest(scheme, _SCHEMES)}Write {_FORMS}."
        raise UsageError("the address of an archive", came=f"one that begins with {scheme!r}", remedy=remedy)
    rest = str(text)[found.end() :]
    try:
        parts = urlsplit(f"//{rest}")
        host, port, user = parts.hostname or "", parts.port, parts.username or ""
    except ValueError:
        raise _refused("what is no address", scheme) from None
    web = scheme.startswith("dicomweb+")
    if parts.password is not None or (web and "@" in rest):
        remedy = "Put credentials into the environment, or into a file of the connection; the command line shows them."
        raise UsageError("an address without credentials", came="one with them", where=scheme, remedy=remedy)
    if not host or parts.query or parts.fragment or (not web and parts.path.strip("/")):
        raise _refused("one without a host, or with more behind it", scheme)
    if not web and (port is None or not is_title(user)):
        raise _refused("one without AE title and port", scheme)
    return Address(scheme, host, port or 0, title=user, path=parts.path.rstrip("/"))


def _refused(came: str, scheme: str) -> UsageError:
    return UsageError("the address of an archive", came=came, where=f"{scheme}://", remedy=f"Write {_FORMS}.")


def is_title(text: str) -> bool:
    """Whether a text can be an AE title: 1 to 16 characters of ASCII, no backslash, no space at an end."""
    return _TITLE.fullmatch(text) is not None


def check_uid(uid: str, *, what: str) -> str:
    """A unique identifier, which may become the name of a folder.

    Args:
        uid: As it came.
        what: Of what, for the message.

    Raises:
        UsageError: If it is none (PS3.5 9.1).
    """
    if len(uid) > 64 or not _UID.fullmatch(uid):
        remedy = "Give numbers with dots between them, as 1.2.840.113619.2.5."
        raise UsageError(f"the identifier of a {what}, of at most 64 characters", came=repr(uid[:64]), remedy=remedy)
    return uid
