"""What is sent to this machine: who may, how much, in which form, and over which line."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from tests.io.dicom.crafted import placed, values, write_series
from voxlate.errors import NetworkError
from voxlate.io.archive import STATUS, Arrival, Connection, Door, Limits, open_archive, parse_address, receiving

HERE = Connection(title="SCANNER", tries=1, timeout_s=5)


def door(**more: object) -> Door:
    limits = Limits(silence_s=5)
    return Door(**{"title": "NODE", "bind": "127.0.0.1", "port": 0, "callers": ("SCANNER",), "limits": limits, **more})  # type: ignore[arg-type]


def send(
    port: int, files: list[Path], connection: Connection = HERE, *, scheme: str = "dicom", to: str = "NODE"
) -> None:
    open_archive(parse_address(f"{scheme}://{to}@127.0.0.1:{port}"), connection).store(files)


def test_a_file_arrives_as_it_was_sent_with_what_it_says_of_itself(tmp_path: Path) -> None:
    named = write_series(tmp_path / "named", values(), placed())
    removed = write_series(tmp_path / "removed", values(), placed(), PatientIdentityRemoved="YES", SyntheticData="YES")
    came: list[Arrival] = []

    def take(arrival: Arrival) -> int:
        came.append(arrival)
        return STATUS.DONE

    with receiving(door(), take) as port:
        send(port, [named[0], removed[0]])
    assert [(one.calling, one.study, one.series) for one in came] == [("SCANNER", "1.2.3.4", "1.2.3.4.5")] * 2
    assert [(one.names_patient, one.is_synthetic) for one in came] == [(True, False), (False, True)]
    (tmp_path / "a.dcm").write_bytes(came[0].content)
    assert dcmread(tmp_path / "a.dcm") == dcmread(named[0])


def test_who_is_not_known_is_refused_and_a_status_is_told(tmp_path: Path) -> None:
    files = write_series(tmp_path, values(), placed())
    with disable_value_validation():
        bad = write_series(tmp_path / "bad", values(), placed(), StudyInstanceUID="../../x")
    with receiving(door(), lambda _: STATUS.NO_ROOM) as port:
        with pytest.raises(NetworkError, match=r"expected an association, got a refusal of STRANGER"):
            send(port, files, HERE.model_copy(update={"title": "STRANGER"}))
        with pytest.raises(NetworkError, match="got a refusal of SCANNER"):
            send(port, files, to="ANOTHER")
        with pytest.raises(NetworkError, match="the status 0xa700, out of resources"):
            send(port, files)
        with disable_value_validation(), pytest.raises(NetworkError, match="the status 0xc000"):
            send(port, bad)
        with pytest.raises(NetworkError, match="expected a free port"), receiving(door(port=port), lambda _: 0):
            pass
    report = dcmread(files[0])
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    report.save_as(tmp_path / "report.dcm")
    with receiving(door(), lambda _: STATUS.DONE) as port, pytest.raises(NetworkError, match="got no association"):
        send(port, [tmp_path / "report.dcm"])


def test_a_file_beyond_the_limit_ends_the_association(tmp_path: Path) -> None:
    files = write_series(tmp_path, values((64, 64, 1)), placed())
    came: list[Arrival] = []
    limits = Limits(file_bytes=4000, pdu_bytes=4096, silence_s=5)
    with receiving(door(limits=limits), lambda one: came.append(one) or 0) as port:  # type: ignore[func-returns-value]
        with pytest.raises(NetworkError, match="got no answer"):
            send(port, files)
        send(port, write_series(tmp_path / "small", values(), placed())[:1])
    assert len(came) == 1


def test_tls_asks_for_a_certificate_on_both_sides(tmp_path: Path) -> None:
    files = write_series(tmp_path / "scan", values(), placed())
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *name]
    subprocess.run([*new, "-keyout", "key.pem", "-out", "own.pem"], check=True, cwd=tmp_path, capture_output=True)
    own = {"ca": tmp_path / "own.pem", "certificate": tmp_path / "own.pem", "key": tmp_path / "key.pem"}
    known = HERE.model_copy(update=own)
    came: list[Arrival] = []
    with socket.socket() as silent, receiving(door(tls=known.server_tls()), lambda one: came.append(one) or 0) as port:  # type: ignore[func-returns-value]
        silent.connect(("127.0.0.1", port))
        send(port, files[:1], known, scheme="dicom+tls")
        with pytest.raises(NetworkError, match="got no association"):
            send(port, files, HERE.model_copy(update={"ca": own["ca"]}), scheme="dicom+tls")
        with pytest.raises(NetworkError, match="got no association"):
            send(port, files)
    assert len(came) == 1
