"""A real archive, Orthanc: a study fetched and its answer given back, by DICOMweb and by DIMSE; the node, killed."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import yaml
from pydicom.dataset import Dataset

import voxlate
from tests.io.dicom.crafted import CANARY, LPS, RESCALED, SYNTHETIC, faults_in, write_enhanced, write_series
from tests.orthanc import PASSWORD, USER, Orthanc, running
from tests.program import run_here, started
from voxlate.cohort import index_cohort
from voxlate.config.plan import Reading
from voxlate.errors import NetworkError, UsageError
from voxlate.io import read_volume
from voxlate.io.archive import Connection, open_archive, parse_address
from voxlate.volume import Volume

STUDY, NOBODY = (
    "1.2.826.0.1.3680043.8.498.7",
    {"PatientName": "A7", "PatientID": "A7", "PatientBirthDate": "", "PatientIdentityRemoved": "YES"},
)
SECRETS = (*CANARY.values(), "CANARY", PASSWORD)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running(tmp_path_factory.mktemp("orthanc")) as one:
        yield one


@pytest.fixture(scope="module")
def slab(phantom_cohort: Path) -> Volume:
    """Twelve slices of a phantom's T1."""
    volume = read_volume(index_cohort(phantom_cohort).cases[0].paths["t1"])
    affine = volume.affine.copy()
    affine[:3, 3] = (affine @ [0, 0, 10, 1])[:3]
    return Volume(np.rint(volume.array[:, :, 10:22]), affine)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, orthanc: Orthanc) -> None:
    monkeypatch.setenv("VOXLATE_ARCHIVE_USER", USER)
    monkeypatch.setenv("VOXLATE_ARCHIVE_PASSWORD", PASSWORD)
    orthanc.empty()


def put(orthanc: Orthanc, slab: Volume, folder: Path, *, study: str = STUDY, **header: Any) -> None:
    """Writes the slab as a T1 of a study, and a localiser, and stores both."""
    for number, said in enumerate(("t1_mprage", "localizer")):
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{number}", "SeriesDescription": said}
        times = {"EchoTime": 3, "InversionTime": 900}
        array = slab.array if not number else slab.array[:, :, :1]
        write_series(folder / str(number), array, slab.affine, SliceThickness=1.0, **{**times, **uids, **header})
    orthanc.put(folder)


def check_answer(orthanc: Orthanc, slab: Volume, out: Path, folder: Path, *, study: str = STUDY) -> None:
    """The archive has one answer, upon its source, and what it has is what was made."""
    [name] = orthanc.find(StudyInstanceUID=study, SeriesDescription="SYNTHETIC*")
    files = orthanc.files(name)
    for number, one in enumerate(files):
        one.save_as(folder / f"{number}.dcm")
    kept, made = read_volume(folder), read_volume(out)
    assert kept.grid.matches(slab.grid)
    assert np.array_equal(kept.array, made.array)
    assert {one.SyntheticData for one in files} == {"YES"}
    assert {(*one.ImageType[:2], one.StudyInstanceUID) for one in files} == {("DERIVED", "SECONDARY", study)}
    sources = {
        file.SOPInstanceUID for name in orthanc.find(SeriesInstanceUID=f"{study}.0") for file in orthanc.files(name)
    }
    assert {one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in files} == sources


@pytest.mark.parametrize("way", ["dicomweb", "move"])
def test_a_study_is_fetched_and_its_answer_is_stored_once(
    orthanc: Orthanc, slab: Volume, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    caplog.set_level(logging.DEBUG)
    put(orthanc, slab, tmp_path / "scans")
    connection = tmp_path / "connection.yaml"
    connection.write_text(yaml.safe_dump({"move_port": orthanc.node if way == "move" else 0, "timeout_s": 20}))
    address = orthanc.dicomweb if way == "dicomweb" else orthanc.dicom
    words = ["--study", STUDY, "--connection", connection, "--out", tmp_path / "out", "--store", "--quiet"]
    for out in ("out", "again") if way == "dicomweb" else ("out",):
        words[words.index("--out") + 1] = tmp_path / out
        ended = run_here("translate", trained, address, *words)
        assert ended.returncode == 0, ended.stderr
    name = f"{STUDY.replace('.', '_')}_t2"
    (tmp_path / "kept").mkdir()
    check_answer(orthanc, slab, tmp_path / "out" / name, tmp_path / "kept")
    told = [path.read_text() for path in tmp_path.glob("*/*.json")]
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert told
    assert not any(
        secret in text for text in (*told, *names, ended.stdout, ended.stderr, caplog.text) for secret in SECRETS
    )
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob(f"voxlate-*/{STUDY}"))  # noqa: S108


def test_what_an_archive_does_not_do_is_told(orthanc: Orthanc, slab: Volume, trained: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    put(orthanc, slab, tmp_path / "scans")
    quick = tmp_path / "quick.yaml"
    quick.write_text("{tries: 2, retry_after_s: 0.01, timeout_s: 5}")

    def ask(address: str, study: str = STUDY, **more: Any) -> Any:
        remote = voxlate.Remote(address, study, connection=quick, **more)
        return voxlate.translate(trained, remote, out=tmp_path / "out")

    for address in (orthanc.dicomweb, orthanc.dicom):
        ended = run_here("translate", trained, address, "--study", "1.2.9", "--connection", quick, "--out", tmp_path)
        assert ended.returncode == 2
        assert "expected a study with series of MR, CT or PET, got 0 series" in ended.stderr
    with pytest.raises(UsageError, match=r"a study with series of MR, CT or PET, got 2 series, and none of these"):
        ask(orthanc.dicom, series="1.2.9")
    with pytest.raises(NetworkError, match=r"got no line \(connection refused\), 2 times\. Check host and port"):
        ask("dicom://NOBODY@127.0.0.1:9")
    with pytest.raises(NetworkError, match=r"got no answer \(ConnectionError\), 2 times"):
        ask("dicomweb+http://127.0.0.1:9/dicom-web")
    with pytest.raises(NetworkError, match=r"the HTTP status 404\. Check the path"):
        ask(orthanc.dicomweb + "x")
    monkeypatch.setenv("VOXLATE_ARCHIVE_PASSWORD", "wrong")
    with pytest.raises(NetworkError, match=r"the HTTP status 401\. Name user and password"):
        ask(orthanc.dicomweb)
    with pytest.raises(UsageError, match=r"a folder for what is stored, got an image file, x\.nii\.gz"):
        voxlate.translate(trained, voxlate.Remote(orthanc.dicom, STUDY, store=True), out=tmp_path / "x.nii.gz")


def _turned(affine: np.ndarray) -> np.ndarray:
    """Turned by 12 degrees about the long axis, so that no direction is an axis of the patient."""
    a = np.radians(12)
    turned = affine.copy()
    turned[:3, :3] = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] @ affine[:3, :3]
    return turned


def _vendor(dataset: Dataset, plane: int) -> None:
    """Positions of one decimal more than needed, private attributes, numbers against the order, no window."""
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(8, "LO", "CANARY private")
    dataset.InstanceNumber, dataset.SoftwareVersions = 900 - plane, "syngo"
    dataset.SmallestImagePixelValue = 0


@pytest.mark.parametrize("habit", ["oblique", "tilted", "enhanced"])
def test_a_phantom_goes_through_the_default_model_to_an_archive_and_back(
    orthanc: Orthanc, phantom_cohort: Path, tmp_path: Path, habit: str
) -> None:
    scan = read_volume(index_cohort(phantom_cohort).cases[0].paths["t1"])
    affine, source, array = _turned(scan.affine), tmp_path / "scan", np.rint(scan.array)
    header = {"EchoTime": 3, "InversionTime": 900, "SliceThickness": 1.0}
    if habit == "enhanced":
        scales = [(0.5 + 0.25 * (plane % 3), float(plane)) for plane in range(array.shape[2])]
        stored = np.stack([(array[:, :, n] - b) / a for n, (a, b) in enumerate(scales)], axis=-1)
        write_enhanced(source / "e.dcm", np.rint(stored), affine, scales=scales, **header)
    else:
        affine[:3, 2] += 0.2 * affine[:3, 1] * (habit == "tilted")
        write_series(source, array, affine, change=_vendor, **header)
    accept = {"on_shear": "resample"} if habit == "tilted" else {}
    [outcome] = voxlate.translate(None, source, target="t2", out=tmp_path / "out", shows="t1", accept=accept)
    assert outcome.path is not None
    open_archive(parse_address(orthanc.dicom), Connection()).store(sorted(outcome.path.glob("*.dcm")))
    [name] = orthanc.find(SeriesDescription="SYNTHETIC T2")
    files = orthanc.files(name)
    (tmp_path / "kept").mkdir()
    for one in files:
        one.save_as(tmp_path / "kept" / f"{one.SOPInstanceUID}.dcm")
    reading = Reading(on_shear="resample")
    kept, made, read = (read_volume(path, reading=reading) for path in (tmp_path / "kept", outcome.path, source))
    assert kept.grid.matches(read.grid)
    assert np.array_equal(kept.array, made.array)
    index = np.linalg.inv(LPS @ affine[:3, :3])
    for number, one in enumerate(sorted(files, key=lambda one: float(one.ImagePositionPatient[2]))):
        place = index @ (np.array(one.ImagePositionPatient, float) - LPS @ affine[:3, 3])
        assert place == pytest.approx([0, 0, number], abs=1e-4)
        path = tmp_path / "kept" / f"{one.SOPInstanceUID}.dcm"
        image = SimpleITK.ReadImage(str(path))
        assert image.GetOrigin() == pytest.approx([float(value) for value in one.ImagePositionPatient])
        assert (one.SyntheticData, one.StudyInstanceUID) == ("YES", "1.2.3.4")
        assert list(one.ImageType[:2]) == ["DERIVED", "SECONDARY"]
        assert not any(element.tag.is_private for element in one)
    assert faults_in(path, SYNTHETIC, RESCALED) == []


def rules_of(orthanc: Orthanc, model: Path, folder: Path, **more: Any) -> Path:
    path = folder / "rules.yaml"
    rule = {"name": "t2-of-heads", "when": {"modality": "MR", "contrast": "t1", "body_part": "head"}, "target": "t2"}
    rules = {
        "folder": "node", "port": orthanc.node, "accept": "ORTHANC", "quiet_s": 0.5, "retry_after_s": 0.1,
        "rules": [{**rule, "model": str(model), "send_to": orthanc.dicom}], **more,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(rules))
    return path


def wait_for(what: Any, *, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


@contextmanager
def listening(rules: Path, told: Path) -> Iterator[BaseProcess]:
    """A node that is open; it is killed where the block ends."""
    with started("listen", "--rules", rules, told=told) as node:
        wait_for(lambda: b"listening" in told.read_bytes())
        yield node


def send(orthanc: Orthanc, study: str) -> None:
    """Makes the archive send a study to the node, again until all of it is acknowledged, as archives do."""
    [name] = orthanc.ask("/tools/find", {"Level": "Study", "Query": {"StudyInstanceUID": study}})
    for _ in range(100):
        try:
            orthanc.ask("/modalities/node/store", {"Resources": [name], "Synchronous": True})
        except OSError:  # the node is down, or was killed on the way
            time.sleep(0.2)
        else:
            return
    pytest.fail("the node takes nothing")


def test_a_node_that_is_killed_twice_answers_each_of_ten_studies_once(
    orthanc: Orthanc, slab: Volume, trained: Path, tmp_path: Path
) -> None:
    studies = [f"{STUDY}.{number}" for number in range(10, 20)]
    for study in studies:
        put(orthanc, slab, tmp_path / study, study=study, **NOBODY)
    put(orthanc, slab, tmp_path / "named", study="1.2.3.77")
    rules = rules_of(orthanc, trained, tmp_path)

    def answers() -> list[str]:
        return orthanc.find(SeriesDescription="SYNTHETIC*")

    log = [tmp_path / f"log-{number}" for number in range(3)]
    for one in log:
        one.touch()
    with listening(rules, log[0]):
        for study in studies[:4]:
            send(orthanc, study)
        wait_for(answers)
    with listening(rules, log[1]):
        for study in studies[4:8]:
            send(orthanc, study)
        wait_for(lambda: len(answers()) >= 5)
    with listening(rules, log[2]) as node:
        for study in studies[8:]:
            send(orthanc, study)
        wait_for(lambda: len(answers()) >= 10)
        send(orthanc, studies[0])  # with its answer, which no answer is made of
        with pytest.raises(OSError, match="500"):
            orthanc.ask("/modalities/node/store", {"Resources": orthanc.find(StudyInstanceUID="1.2.3.77")})
        settled = {("complete", "answered")}
        wait_for(lambda: {(line.state, line.answer) for line in voxlate.listened(rules)} == settled)
        assert node.pid is not None
        os.kill(node.pid, signal.SIGTERM)
        node.join(30)
        assert node.exitcode == 0
    assert {line.study for line in voxlate.listened(rules)} == set(studies)
    for study in studies:
        [name] = orthanc.find(StudyInstanceUID=study, SeriesDescription="SYNTHETIC*")
        assert len(orthanc.files(name)) == slab.shape[2]
    texts = [path.read_text() for path in (*log, *(tmp_path / "node").rglob("*.json"))]
    names = [str(path) for path in (tmp_path / "node").rglob("*")]
    assert not any(secret in text for text in (*texts, *names) for secret in SECRETS)
    assert "files that name their patient" in log[2].read_text()
    status = run_here("listen", "--rules", rules, "--status").stdout
    assert status.startswith("10 studies, 10 answered\n")
    assert status.count("    t2-of-heads: answered, ") == 10
    assert "listening as VOXLATE at 127.0.0.1:" in log[0].read_text()
    assert "to ORTHANC; t2-of-heads makes t2; waiting for studies" in log[0].read_text()
    assert not any("inbox" in one.read_text() for one in log)


def test_a_series_is_fetched_by_c_get_where_no_port_is_open(orthanc: Orthanc, slab: Volume, tmp_path: Path) -> None:
    put(orthanc, slab, tmp_path / "scans")
    archive = open_archive(parse_address(orthanc.dicom), Connection())
    assert sorted(archive.find(STUDY)) == [(f"{STUDY}.0", "MR"), (f"{STUDY}.1", "MR")]
    (tmp_path / "got").mkdir()
    archive.fetch(STUDY, f"{STUDY}.0", tmp_path / "got")
    assert np.array_equal(read_volume(tmp_path / "got").array, slab.array)
