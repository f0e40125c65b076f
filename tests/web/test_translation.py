from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

import voxlate
from tests.web.conftest import Served


@pytest.fixture(scope="module")
def scan(phantom_cohort: Path) -> Path:
    return next(phantom_cohort.glob("*001-000/*-t1n.nii.gz"))


@pytest.fixture(scope="module")
def done(served: Served, scan: Path) -> dict[str, object]:
    """A scan of a patient, uploaded and translated by the model of a few steps."""
    upload = served.upload(("Doe^John_t1n.nii.gz", scan.read_bytes()))
    (found,) = upload["scans"]
    model = next(one["model"] for one in found["choices"] if one["targets"] == ["t2"])
    order = {"upload": upload["id"], "scan": found["id"], "target": "t2", "model": model}
    job = served.client.post("/api/v1/jobs", json=order).json()
    events = served.client.get(f"/api/v1/jobs/{job['id']}/events")
    told = [json.loads(line.removeprefix("data: ")) for line in events.text.splitlines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done", (told[-1], served.client.get(f"/api/v1/jobs/{job['id']}/files/log").text)
    return {"upload": upload, "job": told[-1], "told": told, "model": model}


def test_a_scan_is_recognised_with_what_can_be_made_of_it(done: dict[str, dict[str, object]], scan: Path) -> None:
    (found,) = done["upload"]["scans"]
    told = voxlate.info(scan)
    assert (found["contrast"], found["shape"], found["axes"]) == ("t1", told["shape"], told["axes"])
    assert found["spacing_mm"] == told["spacing_mm"]
    assert found["reason"] == "its file name says so"
    default = next(one for one in found["choices"] if one["model"] == "default")
    assert default["targets"] == ["t2", "flair", "pd", "t1c"]
    assert default["seconds"] > 0
    assert default["memory_mib"] > 0


def test_the_image_is_that_of_the_command_line(
    served: Served, done: dict[str, dict[str, object]], scan: Path, trained: Path, tmp_path: Path
) -> None:
    job = done["job"]["id"]
    (outcome,) = voxlate.translate(trained, scan, out=tmp_path / "t2.nii.gz", shows="t1")
    image = served.client.get(f"/api/v1/jobs/{job}/files/image")
    assert image.content == outcome.path.read_bytes()
    assert image.headers["content-disposition"] == 'attachment; filename="t1_to_t2.nii.gz"'
    assert image.headers["x-content-type-options"] == "nosniff"
    sidecar = served.client.get(f"/api/v1/jobs/{job}/files/sidecar").json()
    assert sidecar["model"] == json.loads((tmp_path / "t2.json").read_text())["model"]
    picture = served.client.get(f"/api/v1/jobs/{job}/files/picture")
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"


def test_views_lie_in_ras_order_and_slices_are_marked(
    served: Served, done: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    job, result = done["job"]["id"], done["job"]["result"]
    volumes = {}
    for which in ("source", "prediction"):
        view = tmp_path / f"{which}.nii"
        view.write_bytes(served.client.get(f"/api/v1/jobs/{job}/views/{which}.nii").content)
        volumes[which] = voxlate.read_volume(view)
    assert np.allclose(volumes["source"].affine, volumes["prediction"].affine)
    assert np.all(np.diag(volumes["source"].affine)[:3] > 0)
    low, high = result["windows"]["prediction"]
    window = {"low": low, "high": high, "share": 0.4}
    slices = [
        served.client.get(f"/api/v1/jobs/{job}/slices/prediction.png", params={**window, "plane": plane})
        for plane in ("axial", "coronal", "sagittal")
    ]
    for one in slices:
        pixels = np.asarray(Image.open(io.BytesIO(one.content)))
        assert (pixels == (255, 196, 61)).all(-1).sum() > 50
        assert pixels[40:].std() > 10


def test_no_name_that_a_scan_came_with_is_kept(served: Served, done: dict[str, dict[str, object]]) -> None:
    for path in served.folder.rglob("*"):
        assert "Doe" not in path.name
        if path.is_file() and path.suffix not in {".gz", ".nii", ".sqlite"}:
            assert b"Doe" not in path.read_bytes(), path
    assert "Doe" not in json.dumps(done)


def test_a_job_tells_its_way_and_can_be_removed(served: Served, done: dict[str, dict[str, object]]) -> None:
    states = [one["state"] for one in done["told"]]
    assert states == sorted(states, key=["queued", "running", "done"].index)
    assert "translate" in {one["stage"] for one in done["told"]}
    ordered = {"upload": done["upload"]["id"], "scan": "1", "target": "t2", "model": done["model"]}
    job = served.client.post("/api/v1/jobs", json=ordered).json()
    assert job["expected_s"] > 0
    assert served.client.delete(f"/api/v1/jobs/{job['id']}").status_code == 400
    served.client.post(f"/api/v1/jobs/{job['id']}/cancel")
    end = time.monotonic() + 30
    while served.client.get(f"/api/v1/jobs/{job['id']}").json()["state"] != "cancelled":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert served.client.post(f"/api/v1/jobs/{job['id']}/retry").json()["state"] == "queued"
    served.client.post(f"/api/v1/jobs/{job['id']}/cancel")
    while served.client.get(f"/api/v1/jobs/{job['id']}").json()["state"] != "cancelled":
        time.sleep(0.05)
    assert served.client.delete(f"/api/v1/jobs/{job['id']}").status_code == 204
    assert served.client.get(f"/api/v1/jobs/{job['id']}").status_code == 404
    assert not served.service.runner.place(job["id"]).exists()


def test_dicom_comes_back_as_dicom_and_names_nobody(
    served: Served, done: dict[str, dict[str, object]], real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "dicom/dicom2nifti/ge/anatomical/001"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"Doe^Jane/{path.name}")
    upload = served.upload(("Doe^Jane.zip", packed.getvalue()))
    (found,) = upload["scans"]
    assert (found["form"], found["shape"]) == ("dicom", voxlate.info(folder)["shape"])
    place = f"/api/v1/uploads/{upload['id']}/scans/{found['id']}"
    assert served.client.patch(place, json={"contrast": "nonsense"}).status_code == 400
    (corrected,) = served.client.patch(place, json={"contrast": "t1"}).json()["scans"]
    assert (corrected["contrast"], corrected["reason"]) == ("t1", "you said so")
    assert served.client.get(f"{place}/slice.png").headers["content-type"] == "image/png"
    order = {"upload": upload["id"], "scan": found["id"], "target": "t2", "model": done["model"]}
    job = served.client.post("/api/v1/jobs", json=order).json()["id"]
    told = served.client.get(f"/api/v1/jobs/{job}/events").text
    assert '"state": "done"' in told, served.client.get(f"/api/v1/jobs/{job}/files/log").text
    answer = served.client.get(f"/api/v1/jobs/{job}/files/image")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    (series,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert voxlate.info(series)["synthetic"] == "made by a model"
    assert "t1_to_t2.zip" in answer.headers["content-disposition"]
    (tmp_path / "t2.nii").write_bytes(served.client.get(f"/api/v1/jobs/{job}/files/nifti").content)
    assert voxlate.info(tmp_path / "t2.nii")["synthetic"] == "made by a model"
    log = served.client.get(f"/api/v1/jobs/{job}/files/log").text
    names = {str(pydicom.dcmread(path).PatientName) for path in folder.iterdir()} - {""}
    for name in {"Doe", *names}:
        assert name not in told + log + json.dumps(upload)
        assert not [path for path in served.folder.rglob("*") if name in path.name]
