"""Row 45 and the sidecar: every synthetic image says what it is, inside the file and beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydantic import ValidationError

from tests.io.crafted import SUFFIXES
from voxlate import __name__ as software
from voxlate.errors import ReadError, WriteError
from voxlate.io import FileRecord, ModelRecord, Provenance, file_digest, read_provenance, write_volume
from voxlate.volume import Volume

VOLUME = Volume(np.arange(60, dtype=np.int16).reshape(5, 4, 3), np.eye(4))
PROVENANCE = Provenance(
    synthetic=True,
    sources=(FileRecord(contrast="t1", name="T1.nii.gz", sha256="ab" * 32),),
    model=ModelRecord(name="t1-to-t2", digest="cd" * 32),
    target="t2",
    unit="a.u.",
    scaling={"offset": 1.5, "scale": 200.0},
    notes=("Resampled.",),
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_sidecar_comes_back_with_the_digest_of_the_image(tmp_path: Path, suffix: str) -> None:
    path = write_volume(VOLUME, tmp_path / f"case 1{suffix}", provenance=PROVENANCE)
    read = read_provenance(path)
    assert read == PROVENANCE.model_copy(update={"output_sha256": file_digest(path)})
    values = json.loads((tmp_path / "case 1.json").read_text())
    assert values["software"] == software
    assert values["warning"] == "not for diagnostic use"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_image_itself_is_marked(tmp_path: Path, suffix: str) -> None:
    path = write_volume(VOLUME, tmp_path / f"a{suffix}", provenance=PROVENANCE)
    mark = "Voxlate synthetic t2 not for diagnostic use, by a model"
    if suffix in {".nii", ".nii.gz", ".hdr"}:
        assert bytes(nibabel.load(path).header["descrip"]).rstrip(b"\0").decode() == mark
    else:
        assert mark.encode() in path.read_bytes()


def test_a_long_target_is_cut_to_what_the_header_holds(tmp_path: Path) -> None:
    provenance = PROVENANCE.model_copy(update={"target": "é" + "x" * 200})
    path = write_volume(VOLUME, tmp_path / "a.nii", provenance=provenance)
    descrip = bytes(nibabel.load(path).header["descrip"])
    assert descrip.startswith(b"Voxlate synthetic ?xxx")
    assert len(descrip.rstrip(b"\0")) == 79


def test_a_real_image_is_not_called_synthetic(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii", provenance=PROVENANCE.model_copy(update={"synthetic": False}))
    assert b"synthetic" not in bytes(nibabel.load(path).header["descrip"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_changed_byte_changes_the_digest(tmp_path: Path, suffix: str) -> None:
    path = write_volume(VOLUME, tmp_path / f"a{suffix}")
    before = file_digest(path)
    for file in sorted(tmp_path.iterdir()):
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if file != path else content.replace(b"V", b"W", 1))
        changed = content != file.read_bytes()
        assert changed == (file_digest(path) != before)
        assert changed or file == path
        file.write_bytes(content)
    assert file_digest(path) == before


def test_the_digest_of_any_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc" * 10**6)
    assert file_digest(tmp_path / "a.bin") == hashlib.sha256(b"abc" * 10**6).hexdigest()
    with pytest.raises(ReadError):
        file_digest(tmp_path / "absent.bin")


def test_files_that_are_there_are_not_overwritten_unasked(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.mhd", provenance=PROVENANCE)
    for name in ("a.mhd", "a.raw", "a.json"):
        others = [file for file in tmp_path.iterdir() if file.name != name]
        kept = {file: file.read_bytes() for file in others}
        for file in others:
            file.unlink()
        with pytest.raises(WriteError, match=name):
            write_volume(VOLUME, path, provenance=PROVENANCE)
        for file, content in kept.items():
            file.write_bytes(content)


@pytest.mark.parametrize("content", ["{", "[]", '{"EchoTime": 0.03}', '{"software": "other"}'])
def test_the_sidecar_of_another_program_is_none_and_stays(tmp_path: Path, content: str) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(content)
    assert read_provenance(path) is None
    with pytest.raises(WriteError, match="another program"):
        write_volume(VOLUME, path, provenance=PROVENANCE, overwrite=True)
    assert (tmp_path / "a.json").read_text() == content


def test_no_sidecar_is_none_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz")
    assert read_provenance(path) is None
    (tmp_path / "a.json").write_text('{"software": "voxlate", "synthetic": "perhaps"}')
    with pytest.raises(ReadError, match="synthetic"):
        read_provenance(path)


def test_the_warning_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Provenance(synthetic=True, target="t2", unit="", warning="fit for diagnosis")  # type: ignore[arg-type]
