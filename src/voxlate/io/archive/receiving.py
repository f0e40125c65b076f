"""Files that are sent to this machine by C-STORE: who may send, how much at once, and what is told of each.

Whoever takes a file answers with a status (PS3.4 B.2.3), and so says whether it is safe. What is no image of a kind
that Voxlate reads is not agreed on when an association begins.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from voxlate.errors import NetworkError, ReadError, UsageError
from voxlate.io.archive.address import check_uid
from voxlate.io.archive.attempts import closed_lines, quietly
from voxlate.io.dicom.header import parsing, text
from voxlate.io.dicom.stacks import NOWHERE

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.events import Event
    from pynetdicom.transport import ThreadedAssociationServer

STORED: Final = (
    "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2",
    "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1",
)  # fmt: skip
"""MR, CT and PET: classic, enhanced, and enhanced made of classic."""
PACKED: Final = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.5",
)  # fmt: skip
"""How pixels may be packed: plain, JPEG lossless, JPEG-LS, JPEG 2000, JPEG of 8 bits, RLE."""
_VERIFICATION = "1.2.840.10008.1.1"
_ASKED = (
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SyntheticData", "PatientIdentityRemoved",
    "PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames",
)  # fmt: skip
_NAMING = _ASKED[5:]


class STATUS:
    """What a C-STORE is answered with."""

    DONE = 0x0000
    NOT_ALLOWED = 0x0124
    NO_ROOM = 0xA700
    NOT_UNDERSTOOD = 0xC000


@dataclass(frozen=True)
class Arrival:
    """A file that was sent.

    Attributes:
        calling: The AE title of the sender.
        study: Identifier of the study, checked.
        series: That of the series.
        uid: That of the file.
        names_patient: Whether it tells whose it is: a name, a number or a date of birth, and no word that the
            identity was removed (0012,0062).
        is_synthetic: Whether it says that it was computed.
        content: The file's bytes, as they came.
    """

    calling: str
    study: str
    series: str
    uid: str
    names_patient: bool
    is_synthetic: bool
    content: bytes


class Limits(NamedTuple):
    """How much is taken at once."""

    associations: int = 10
    pdu_bytes: int = 131072
    file_bytes: int = 2**30
    silence_s: float = 60.0


@dataclass(frozen=True)
class Door:
    """Where files come in.

    Attributes:
        title: The AE title by which this machine must be called.
        bind: The address at which it is open.
        port: That of the machine; 0 for a free one.
        callers: Who may call, by AE title; ``None``: whoever knows the title.
        limits: How much is taken at once.
        tls: What protects the line.
    """

    title: str
    bind: str
    port: int
    callers: tuple[str, ...] | None
    limits: Limits
    tls: ssl.SSLContext | None = None


@contextmanager
def receiving(door: Door, take: Callable[[Arrival], int]) -> Iterator[int]:
    """Takes what is sent as long as the block lasts.

    Args:
        door: Where, and from whom.
        take: Called with each file, from several threads; what it gives back is the status that the sender is told.

    Yields:
        The port.

    Raises:
        UsageError: If the extra is not installed.
        NetworkError: If the port cannot be opened.
    """
    with quietly(), ExitStack() as lines:
        from pynetdicom import AE, evt

        entity = AE(door.title)
        for kind in STORED:
            entity.add_supported_context(kind, list(PACKED))
        entity.add_supported_context(_VERIFICATION)
        entity.require_called_aet = True
        entity.require_calling_aet = list(door.callers or ())
        _limit(entity, door.limits)
        keep = lines.enter_context(closed_lines())
        events = [(evt.EVT_C_STORE, taking(take)), (evt.EVT_CONN_OPEN, keep), *_watching_sizes(door.limits)]
        try:
            server = _server(entity, door, events)
        except OSError as error:
            where, remedy = f"{door.bind}:{door.port}", "Choose another port, or end the program that has it."
            came = (error.strerror or str(error)).lower()
            raise NetworkError("a free port", came=came, where=where, remedy=remedy) from None
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            entity.shutdown()
            thread.join()


def _server(entity: AE, door: Door, events: list[Any]) -> ThreadedAssociationServer:
    """The package's server, but for TLS: the hands are shaken in the caller's thread, so that no silent one bars it."""
    from pynetdicom.transport import ThreadedAssociationServer

    class Server(ThreadedAssociationServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: tuple[str, int] | str) -> None:  # noqa: ANN401
            try:
                if door.tls is not None:
                    request.settimeout(door.limits.silence_s)
                    request = door.tls.wrap_socket(request, server_side=True)
                    request.settimeout(None)
            except OSError:
                self.shutdown_request(request)
            else:
                super().finish_request(request, client_address)

    server = entity.make_server((door.bind, door.port), evt_handlers=events, server_class=Server)
    entity._servers.append(server)
    return server


def _limit(entity: AE, limits: Limits) -> None:
    entity.maximum_associations, entity.maximum_pdu_size = limits.associations, limits.pdu_bytes
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = limits.silence_s


def _watching_sizes(limits: Limits) -> list[Any]:
    """Ends an association whose message is longer than a file may be: it is held in memory until it is whole."""
    from pynetdicom import evt

    sizes: dict[int, int] = {}

    def count(event: Event) -> None:
        key = id(event.assoc)
        sizes[key] = sizes.get(key, 0) + len(event.data)
        if sizes[key] > limits.file_bytes:
            event.assoc.abort(block=False)

    def begin(event: Event) -> None:
        sizes.pop(id(event.assoc), None)

    return [(evt.EVT_DATA_RECV, count), (evt.EVT_DIMSE_RECV, begin), (evt.EVT_CONN_CLOSE, begin)]


def taking(take: Callable[[Arrival], int]) -> Callable[[Event], int]:
    """What answers a C-STORE: the status that ``take`` gives, or that the file cannot be understood."""

    def handle(event: Event) -> int:
        try:
            arrival = _arrived(event)
        except (ReadError, UsageError):
            return STATUS.NOT_UNDERSTOOD
        return take(arrival)

    return handle


def _arrived(event: Event) -> Arrival:
    """What is told of a file.

    Raises:
        ReadError: If it cannot be parsed.
        UsageError: If an identifier is none.
    """
    from pydicom import dcmread

    content = event.encoded_dataset()
    with parsing(NOWHERE):
        header = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=list(_ASKED))
        said = {name: text(header, name).strip() for name in _ASKED}
    return Arrival(
        calling=str(event.assoc.requestor.ae_title).strip(),
        study=check_uid(said["StudyInstanceUID"], what="study"),
        series=check_uid(said["SeriesInstanceUID"], what="series"),
        uid=check_uid(said["SOPInstanceUID"], what="file"),
        names_patient=said["PatientIdentityRemoved"] != "YES" and any(said[name] for name in _NAMING),
        is_synthetic=said["SyntheticData"] == "YES",
        content=content,
    )
