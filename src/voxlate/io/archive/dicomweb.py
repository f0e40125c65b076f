"""An archive by DICOMweb (PS3.18): QIDO finds a study's series, WADO fetches them, STOW gives one back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voxlate.errors import NetworkError, UsageError
from voxlate.io.archive.address import Address, Listed, check_uid
from voxlate.io.archive.attempts import TryAgainError, quietly, tried, untrusted
from voxlate.io.archive.connection import Connection

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient
    from pydicom.dataset import Dataset

_Result = TypeVar("_Result")
_AGAIN = {408, 429, 500, 502, 503, 504}
_PIECE = 2**26
_BATCH = 2**24
"""Bytes of files that are stored by one request; less than a piece, so that it is sent whole and can be sent again."""
_SERIES, _MODALITY = "0020000E", "00080060"


@dataclass(frozen=True)
class DicomWeb:
    """What is asked of an ``Archive``, by HTTP."""

    address: Address
    connection: Connection

    def __post_init__(self) -> None:
        if self.connection.has_secret and self.address.is_open:
            remedy = "Use dicomweb+https, or take the credentials out of the connection."
            raise UsageError("TLS for credentials", came="an open line", where=self.address, remedy=remedy)

    def find(self, study: str) -> list[Listed]:
        """The series of a study, with their modalities."""
        wanted = f"the series of the study {study}"

        def ask(client: DICOMwebClient) -> list[Listed]:
            found = client.search_for_series(study, fields=["SeriesInstanceUID", "Modality"])
            return [Listed(_value(one, _SERIES), _value(one, _MODALITY)) for one in found]

        return self._asked(ask, wanted)

    def fetch(self, study: str, series: str, folder: Path) -> None:
        """Writes the files of a series, as the archive keeps them."""

        def ask(client: DICOMwebClient) -> list[Path]:
            kept = (("application/dicom", "*"),)
            return [_save(one, folder) for one in client.iter_series(study, series, media_types=kept)]

        if not self._asked(ask, f"the files of the series {series}"):
            remedy = "Look whether the archive has it."
            raise NetworkError(f"files of the series {series}", came="none", where=self.address, remedy=remedy)

    def store(self, files: Sequence[Path]) -> None:
        """Gives files to the archive, some at a time."""
        from pydicom import dcmread

        for some in _batches(files):
            datasets = [dcmread(path) for path in some]
            told = self._asked(lambda client, these=datasets: client.store_instances(these), "room for a series")  # type: ignore[misc]
            failed = told.get("FailedSOPSequence") or []
            if failed:
                reason = failed[0].get("FailureReason", 0)
                came = f"{len(failed)} of {len(some)} files refused, with the status {reason:#06x}"
                remedy = "Look into the archive's log for this status."
                raise NetworkError("an archive that takes a series", came=came, where=self.address, remedy=remedy)

    def _asked(self, ask: Callable[[DICOMwebClient], _Result], expected: str) -> _Result:
        """The answer to a request, which is made anew after what may have passed."""

        def once() -> _Result:
            import requests

            try:
                return ask(self._client())
            except requests.HTTPError as error:
                raise self._refused(0 if error.response is None else error.response.status_code, expected) from None
            except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
                raise untrusted(error, expected=expected, where=self.address) from None
            except requests.RequestException as error:
                remedy = "Check host, port and path, and whether the archive runs."
                raise TryAgainError(f"no answer ({type(error).__name__})", remedy) from None
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                came, remedy = f"what is none ({type(error).__name__})", "Check the path: it is that of DICOMweb."
                raise NetworkError(expected, came=came, where=self.address, remedy=remedy) from None

        with quietly(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tried(once, self.connection, expected=expected, where=self.address)

    def _refused(self, status: int, expected: str) -> Exception:
        came = f"the HTTP status {status}"
        if status in _AGAIN:
            return TryAgainError(came, "Look into the archive's log, or try later.")
        remedy = {
            401: "Name user and password, or a token, in the connection's file or the environment.",
            403: "Ask for the right to do this.",
            404: "Check the path of the address, and the identifiers.",
        }.get(status, "Look into the archive's log.")
        return NetworkError(expected, came=came, where=self.address, remedy=remedy)

    def _client(self) -> DICOMwebClient:
        import requests
        from dicomweb_client.web import DICOMwebClient

        class Session(requests.Session):
            def merge_environment_settings(self, *asked: Any) -> Any:  # noqa: ANN401  (of the package)
                """Lets the connection's authority hold: requests prefers that of REQUESTS_CA_BUNDLE."""
                url, proxies, stream, verify, cert = asked
                own = self.verify if verify is None else verify
                return super().merge_environment_settings(url, proxies, stream, own, cert)

        told, session = self.connection, Session()
        if told.user is not None and told.password is not None:
            session.auth = (told.user, told.password.get_secret_value())
        if told.token is not None:
            session.headers["Authorization"] = f"Bearer {told.token.get_secret_value()}"
        if self.address.scheme == "dicomweb+https":
            told.client_tls()  # which says what is wrong with a certificate
            session.verify = str(told.ca) if told.ca else True
            session.cert = (str(told.certificate), str(told.key)) if told.certificate else None
        client = DICOMwebClient(self.address.url, session=session, timeout=told.timeout_s, chunk_size=_PIECE)
        client.set_http_retry_params(retry=False)  # one way to try again, for either kind of archive
        return client


def _value(found: dict[str, dict[str, list[str]]], tag: str) -> str:
    return str((found.get(tag, {}).get("Value") or [""])[0])


def _save(dataset: Dataset, folder: Path) -> Path:
    """Writes an instance under its identifier."""
    path = folder / f"{check_uid(str(dataset.SOPInstanceUID), what='file')}.dcm"
    dataset.save_as(path)
    return path


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in files:
        batch.append(path)
        size += path.stat().st_size
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
