"""TLS with a certificate of an authority that the test makes: who knows it is served, who does not is told why."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.io.archive.test_receiving import HERE, door, send
from tests.io.dicom.crafted import placed, values, write_series
from tests.program import run_here
from voxlate.errors import NetworkError
from voxlate.io.archive import Arrival, Connection, connection_from, open_archive, parse_address, receiving

WORDS = "very-secret-words"


class Certified(NamedTuple):
    """An authority, and a certificate of this machine that it signed, with its key."""

    ca: Path
    certificate: Path
    key: Path


def _made(folder: Path) -> Certified:
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"]
    name = ["-subj", "/CN=archive", "-addext", "subjectAltName=IP:127.0.0.1"]
    for words in (
        [*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "-x509", *signed, *name, "-keyout", "own.key", "-out", "own.pem"],
    ):
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)
    return Certified(folder / "ca.pem", folder / "own.pem", folder / "own.key")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return _made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """Another authority, which nobody else knows."""
    return _made(tmp_path_factory.mktemp("stranger"))


@contextmanager
def _web(own: Certified, *, asks: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """An archive of one series by DICOMweb over TLS: its address, and the credentials that came."""
    came: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.headers.get("Authorization", ""))
            found = [{"0020000E": {"vr": "UI", "Value": ["1.2.5"]}, "00080060": {"vr": "CS", "Value": ["MR"]}}]
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(HTTPServer):
        def handle_error(self, *_: object) -> None:
            """Whoever does not trust the line hangs up."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    if asks is not None:
        context.load_verify_locations(asks)
        context.verify_mode = ssl.CERT_REQUIRED
    with Server(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"dicomweb+https://127.0.0.1:{server.server_address[1]}/dicom-web", came
        finally:
            server.shutdown()
            thread.join()


def test_dicomweb_over_tls_with_credentials_of_the_environment(
    tmp_path: Path, certified: Certified, stranger: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger.ca))  # the connection's own holds all the same
    file = tmp_path / "connection.yaml"
    file.write_text(f"{{ca: {certified.ca}, tries: 1, timeout_s: 20}}")
    known = connection_from(file, {"VOXLATE_ARCHIVE_TOKEN": WORDS})
    with _web(certified) as (address, came):
        assert open_archive(parse_address(address), known).find("1.2") == [("1.2.5", "MR")]
        assert came == [f"Bearer {WORDS}"]
        for ca in (None, stranger.ca):
            unknown = Connection(ca=ca, token=WORDS, tries=3, retry_after_s=60, timeout_s=20)  # type: ignore[arg-type]
            with pytest.raises(NetworkError, match=r"no trusted line \(.*self.signed|unable to get.*Check ca") as error:
                open_archive(parse_address(address), unknown).find("1.2")
            assert WORDS not in str(error.value)
        assert len(came) == 1
    own = {"certificate": certified.certificate, "key": certified.key}
    with _web(certified, asks=certified.ca) as (address, came):
        with pytest.raises(NetworkError):
            open_archive(parse_address(address), known).find("1.2")
        assert open_archive(parse_address(address), known.model_copy(update=own)).find("1.2")


def test_a_file_goes_to_a_node_over_tls_whose_authority_is_known(
    tmp_path: Path, certified: Certified, stranger: Certified
) -> None:
    files = write_series(tmp_path / "scan", values(), placed())
    own = {"ca": certified.ca, "certificate": certified.certificate, "key": certified.key}
    known, came = HERE.model_copy(update=own), list[Arrival]()
    with receiving(door(tls=known.server_tls()), lambda one: came.append(one) or 0) as port:  # type: ignore[func-returns-value]
        send(port, files[:1], known, scheme="dicom+tls")
        for ca in (None, stranger.ca):
            unknown = known.model_copy(update={"ca": ca, "tries": 3, "retry_after_s": 60.0})
            with pytest.raises(NetworkError, match=r"no trusted line \(.*\)\. Check ca, certificate and key"):
                send(port, files, unknown, scheme="dicom+tls")
        alien = known.model_copy(update={"certificate": stranger.certificate, "key": stranger.key})
        with pytest.raises(NetworkError, match="no association"):
            send(port, files, alien, scheme="dicom+tls")
    assert len(came) == 1


@pytest.mark.parametrize("command", ["translate", "listen"])
def test_no_option_takes_a_secret(command: str) -> None:
    told = run_here(command, "--help").stdout
    assert "--connection" in told or "--rules" in told
    assert not any(f"--{name}" in told for name in ("password", "token", "user", "secret"))
