"""Archives of DICOM on the network: what a study holds, its series fetched, a derived series given back.

Two ways lead to one, and the address says which: DICOMweb (PS3.18: QIDO, WADO, STOW) and DIMSE (PS3.4: C-FIND, C-MOVE
or C-GET, C-STORE). Messages name identifiers and hosts, never a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from voxlate.io.archive.address import Address, Listed, check_uid, is_address, parse_address
from voxlate.io.archive.connection import Connection, connection_from
from voxlate.io.archive.dicomweb import DicomWeb
from voxlate.io.archive.dimse import Dimse
from voxlate.io.archive.receiving import STATUS, Arrival, Door, Limits, receiving

__all__ = [
    "STATUS",
    "Address",
    "Archive",
    "Arrival",
    "Connection",
    "Door",
    "Limits",
    "check_uid",
    "connection_from",
    "is_address",
    "open_archive",
    "parse_address",
    "receiving",
]


class Archive(Protocol):
    """What can be asked of an archive, whichever way leads to it; each call tries again where that can help."""

    def find(self, study: str) -> list[Listed]:
        """The series of a study.

        Raises:
            NetworkError: If the archive does not answer, or refuses.
        """

    def fetch(self, study: str, series: str, folder: Path) -> None:
        """Writes the files of a series into a folder.

        Raises:
            NetworkError: As ``find``, or if it is not whole.
        """

    def store(self, files: Sequence[Path]) -> None:
        """Gives files to the archive; those that it has already stay as they are.

        Raises:
            NetworkError: As ``find``, or if it does not take all of them.
        """


def open_archive(address: Address, connection: Connection) -> Archive:
    """The archive at an address.

    Raises:
        UsageError: If the packages for it are not there, or credentials would go over a line that all can read.
    """
    return DicomWeb(address, connection) if address.is_web else Dimse(address, connection)
