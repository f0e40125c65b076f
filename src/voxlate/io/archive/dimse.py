"""An archive by DIMSE (PS3.4, PS3.7): C-FIND, C-MOVE to a port of this machine or else C-GET, and C-STORE."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voxlate.errors import NetworkError
from voxlate.io.archive.address import Address, Listed
from voxlate.io.archive.attempts import TryAgainError, closed_lines, quietly, tried, untrusted
from voxlate.io.archive.connection import Connection
from voxlate.io.archive.receiving import PACKED, STATUS, STORED, Arrival, Door, Limits, receiving, taking

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association

_Result = TypeVar("_Result")
_FIND, _MOVE, _GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
"""The study root's information model."""
_PENDING = {0xFF00, 0xFF01}
_PLAIN = list(PACKED[:2])
_UNREACHED = "Check host and port, that the archive runs, and that it knows Voxlate's AE title."


@dataclass(frozen=True)
class Dimse:
    """What is asked of an ``Archive``, by associations of one request each."""

    address: Address
    connection: Connection

    def find(self, study: str) -> list[Listed]:
        """The series of a study, with their modalities."""
        expected = f"the series of the study {study}"

        def ask() -> list[Listed]:
            with self._associated([(_FIND, _PLAIN)]) as one:
                told = one.send_c_find(
                    _keys("SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality=""), _FIND
                )
                found = [item for item in self._answers(told, expected) if item is not None]
            return [Listed(str(item.SeriesInstanceUID), str(item.get("Modality") or "")) for item in found]

        return self._tried(ask, expected)

    def fetch(self, study: str, series: str, folder: Path) -> None:
        """Writes the files of a series."""
        expected = f"the files of the series {series}"
        keys = _keys("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)

        def take(arrival: Arrival) -> int:
            if (arrival.study, arrival.series) == (study, series):
                (folder / f"{arrival.uid}.dcm").write_bytes(arrival.content)
            return STATUS.DONE

        def ask() -> None:
            (self._move if self.connection.move_port else self._get)(keys, take, expected)

        self._tried(ask, expected)
        if not any(folder.iterdir()):
            remedy = "Look whether the archive has it, and whether it may send to this machine."
            raise NetworkError(expected, came="none", where=self.address, remedy=remedy)

    def _move(self, keys: Dataset, take: Callable[[Arrival], int], expected: str) -> None:
        told = self.connection
        limits = Limits(silence_s=told.timeout_s)
        door = Door(told.title, told.bind, told.move_port, None, limits, told.server_tls())
        with receiving(door, take), self._associated([(_MOVE, _PLAIN)]) as one:
            for _ in self._answers(one.send_c_move(keys, told.title, _MOVE), expected):
                pass

    def _get(self, keys: Dataset, take: Callable[[Arrival], int], expected: str) -> None:
        from pynetdicom import build_role, evt

        roles = [build_role(kind, scp_role=True) for kind in STORED]
        contexts = [(_GET, _PLAIN), *((kind, list(PACKED)) for kind in STORED)]
        with self._associated(contexts, roles, [(evt.EVT_C_STORE, taking(take))]) as one:
            for _ in self._answers(one.send_c_get(keys, _GET), expected):
                pass

    def store(self, files: Sequence[Path]) -> None:
        """Gives files to the archive, one after the other over one line."""
        from pydicom import dcmread

        expected, left = "an archive that takes a series", list(files)

        def ask() -> None:
            kinds = sorted({str(dcmread(path, specific_tags=["SOPClassUID"]).SOPClassUID) for path in left})
            with self._associated([(kind, _PLAIN) for kind in kinds]) as one:
                while left:
                    try:
                        self._check(one.send_c_store(dcmread(left[0])), expected)
                    except ValueError:  # the archive has agreed on no kind that fits
                        came, remedy = "an archive without storage of this kind", "Ask its keeper for MR and CT."
                        raise NetworkError(expected, came=came, where=self.address, remedy=remedy) from None
                    left.pop(0)

        self._tried(ask, expected)

    def _tried(self, ask: Callable[[], _Result], expected: str) -> _Result:
        with quietly():
            return tried(ask, self.connection, expected=expected, where=self.address)

    @contextmanager
    def _associated(
        self, contexts: Iterable[tuple[str, list[str]]], roles: Sequence[Any] = (), events: Sequence[Any] = ()
    ) -> Iterator[Association]:
        """An association for these kinds of objects, in these forms.

        Raises:
            TryAgainError: If there is no answer.
            NetworkError: If the archive does not want one.
        """
        from pynetdicom import AE, evt

        told, entity = self.connection, AE(self.connection.title)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = told.timeout_s
        entity.network_timeout = told.timeout_s
        for kind, forms in contexts:
            entity.add_requested_context(kind, forms)
        tls = (told.client_tls(), self.address.host) if self.address.scheme == "dicom+tls" else None
        self._reach(tls)
        with closed_lines() as keep:
            one = entity.associate(
                self.address.host,
                self.address.port,
                ae_title=self.address.title,
                ext_neg=list(roles),
                tls_args=tls,
                evt_handlers=[*events, (evt.EVT_CONN_OPEN, keep)],
            )
            with self._whole(one):
                yield one

    @contextmanager
    def _whole(self, one: Association) -> Iterator[None]:
        """Releases an association when the block has ended, and aborts it where it has failed."""
        try:
            if one.is_rejected:
                title = self.connection.title
                came, remedy = f"a refusal of {title}", f"Tell the archive to accept the AE title {title}."
                raise NetworkError("an association", came=came, where=self.address, remedy=remedy)
            if not one.is_established:
                raise TryAgainError("no association", _UNREACHED)
            yield
            one.release()
        finally:
            if one.is_established:
                one.abort()
            _ended(one)

    def _reach(self, tls: tuple[ssl.SSLContext, str] | None) -> None:
        """Opens a line and closes it: pynetdicom tells no reason where there is none, and leaves its end open.

        Raises:
            TryAgainError: If there is none.
            NetworkError: If the other side's certificate is not trusted.
        """
        try:
            with socket.create_connection((self.address.host, self.address.port), self.connection.timeout_s) as line:
                if tls is not None:
                    tls[0].wrap_socket(line, server_hostname=tls[1]).close()
        except ssl.SSLCertVerificationError as error:
            raise untrusted(error, expected="an association", where=self.address) from None
        except OSError as error:
            raise TryAgainError(f"no line ({(error.strerror or str(error)).lower()})", _UNREACHED) from None

    def _answers(self, told: Iterator[tuple[Dataset, Dataset | None]], expected: str) -> Iterator[Dataset | None]:
        for status, item in told:
            if status and status.Status in _PENDING:
                yield item
            else:
                self._check(status, expected)

    def _check(self, told: Dataset, expected: str) -> None:
        """Refuses a status that is neither success nor a warning."""
        if not told:
            raise TryAgainError("no answer", _UNREACHED)
        if told.Status in {0x0000, 0x0001} or told.Status & 0xF000 == 0xB000:
            if told.get("NumberOfFailedSuboperations"):
                came = f"{told.NumberOfFailedSuboperations} files that were not sent"
                remedy = f"Look whether the archive sends to {self.connection.title} at its port."
                raise NetworkError(expected, came=came, where=self.address, remedy=remedy)
            return
        if told.Status & 0xFF00 == 0xA700:
            raise TryAgainError(f"the status {told.Status:#06x}, out of resources", "Make room in the archive.")
        remedy = "Look into the archive's log for this status."
        raise NetworkError(expected, came=f"the status {told.Status:#06x}", where=self.address, remedy=remedy)


def _keys(level: str, **keys: str) -> Dataset:
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(asked, name, value)
    return asked


def _ended(association: Association) -> None:
    """Waits for its thread, which logs when it ends."""
    if association is not threading.current_thread() and association.is_alive():
        association.join(5)
