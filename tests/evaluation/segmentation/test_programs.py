"""Programs that segment: what their file may say, how they are called, and every way in which they fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, SegmenterError, UsageError, VoxlateError
from voxlate.evaluation.segmentation.programs import Program, ProgramSegmenter, read_program
from voxlate.io import read_volume, write_volume
from voxlate.volume import Volume

COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"
VALID: dict[str, Any] = {
    "name": "copy",
    "command": [sys.executable, "-c", COPY, "{flair}", "{output}"],
    "sources": ["flair"],
    "classes": {"lesion": [1]},
}


def case(folder: Path, *, suffix: str = ".nii.gz", names: tuple[str, ...] = ("flair", "t1")) -> Case:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in names:
        array = np.zeros((6, 7, 8), dtype=np.float32)
        array[2:4, 2:5, 3] = 1
        volume = Volume(array, np.diag([1.0, 2.0, 3.0, 1.0]), contrast=get_contrast(name))
        paths[name] = write_volume(volume, folder / f"{name}{suffix}")
    return Case("case-1", "case-1", paths)


def segmenter(**changes: Any) -> ProgramSegmenter:
    return ProgramSegmenter(Program.model_validate({**VALID, **changes}))


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments, "{folder}"]


def test_another_command_or_another_script_is_another_segmenter(tmp_path: Path) -> None:
    script = tmp_path / "segment.py"
    script.write_text(COPY, encoding="utf-8")
    command = [sys.executable, str(script), "{flair}", "{output}"]
    before = segmenter(command=command).digest
    assert segmenter(command=command).digest == before != segmenter(command=[*command, "--fast"]).digest
    script.write_text(f"{COPY}\n", encoding="utf-8")
    assert segmenter(command=command).digest != before


def test_a_label_map_comes_back(tmp_path: Path) -> None:
    found = segmenter().segment(case(tmp_path))
    assert found.array.sum() == 6
    assert found.spacing_mm == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("name", ["a b; touch pwned", "$(touch pwned)", "`touch pwned`", 'it\'s "quoted" & | > pwned'])
def test_names_are_never_more_than_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / name
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    assert segmenter().segment(case(tmp_path / f"{name} data")).array.sum() == 6
    assert not list(tmp_path.rglob("pwned"))
    assert not list(scratch.iterdir())


def test_placeholders_are_replaced_once_and_in_one_pass(tmp_path: Path) -> None:
    program = Program.model_validate({**VALID, "command": ["x", "-i={flair}", "{{flair}}", "{output}", "{folder}/y"]})
    folder = tmp_path / "{output}"
    given = program.arguments(folder)
    assert given[1:] == [
        f"-i={folder}/input/flair.nii.gz",
        "{flair}",
        f"{folder}/output/labels.nii.gz",
        f"{folder}/y",
    ]


def test_a_program_gets_the_format_and_the_names_that_it_wants(tmp_path: Path) -> None:
    code = (
        "import pathlib, shutil, sys; f = pathlib.Path(sys.argv[1]);"
        "assert sorted(p.name for p in (f / 'in').iterdir()) == ['case_0000.nii.gz', 'case_0001.nii.gz'];"
        "shutil.copyfile(f / 'in' / 'case_0001.nii.gz', f / 'out' / 'case.nii.gz')"
    )
    nnunet = segmenter(
        command=python(code),
        sources=["t1", "flair"],
        files={"t1": "in/case_0000.nii.gz", "flair": "in/case_0001.nii.gz"},
        output="out/case.nii.gz",
    )
    assert nnunet.segment(case(tmp_path, suffix=".mha")).array.sum() == 6


def test_a_missing_contrast_is_an_image_of_background(tmp_path: Path) -> None:
    code = (
        "import shutil, sys, nibabel as n; assert n.load(sys.argv[1]).get_fdata().max() == 0;"
        "assert n.load(sys.argv[2]).shape == n.load(sys.argv[1]).shape; shutil.copyfile(sys.argv[2], sys.argv[3])"
    )
    command = [sys.executable, "-c", code, "{flair}", "{t1}", "{output}"]
    whole = case(tmp_path)
    without = Case(whole.id, whole.subject, {"t1": whole.paths["t1"]})
    assert segmenter(command=command, sources=["flair", "t1"]).segment(without, missing="flair").array.sum() == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shell": True}, "shell"),
        ({"command": ["x", "{flair}", "{output}", "{t2}"]}, r"\{t2\} is none of"),
        ({"command": ["x", "{flair.__class__}", "{output}"]}, "is none of"),
        ({"command": ["x", "{flair", "{output}"]}, "single brace"),
        ({"command": ["x", "{flair}"]}, r"\{output\} is not used"),
        ({"command": ["x", "{output}"]}, r"\{flair\} is not used"),
        ({"command": []}, "command"),
        ({"command": "segment -i {flair} -o {output}"}, "command"),
        ({"sources": ["flair", "FLAIR"]}, "once"),
        ({"sources": ["x-ray"]}, "name of a contrast"),
        ({"classes": {}}, "classes"),
        ({"classes": {"lesion": [-1]}}, "lesion"),
        ({"truth": {"tumour": [1]}}, "must name the classes"),
        ({"files": {"t2": "in/t2.nii.gz"}}, "no source"),
        ({"files": {"flair": "../flair.nii.gz"}}, "leaves the scratch folder"),
        ({"output": "/etc/labels.nii.gz"}, "leaves the scratch folder"),
        ({"output": "labels.mha"}, "does not end in"),
        ({"output": "input/flair.nii.gz"}, "same name twice"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"suffix": ".exe"}, "suffix"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump({**VALID, **changes}), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_program(path)


def test_what_the_page_declares_is_valid() -> None:
    page = Path(__file__).parents[3] / "docs" / "do" / "task-based-validation.md"
    blocks = re.findall(
        r"^```\{code-block\} yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    programs = [Program.model_validate(yaml.safe_load(block)) for block in blocks]
    assert [program.name for program in programs] == ["my-lesion-segmenter", "nnunet-glioma"]
    fields = set(re.findall(r"`(\w+)`(?:,[^|]*)? \|", page.read_text(encoding="utf-8")))
    assert set(Program.model_fields) - {"name", "output"} <= fields


def test_a_program_that_is_not_installed_is_refused_before_any_case(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump({**VALID, "command": ["no-such-program", "{flair}", "{output}"]}), encoding="utf-8")
    with pytest.raises(UsageError, match="no-such-program"):
        read_program(path)


def test_a_program_that_vanished_names_the_case(tmp_path: Path) -> None:
    gone = segmenter(command=["no-such-program", "{flair}", "{output}"])
    with pytest.raises(SegmenterError, match=r"case-1: copy.*No such file"):
        gone.segment(case(tmp_path))


def test_a_failure_tells_its_code_and_its_last_words(tmp_path: Path) -> None:
    code = "import sys; print('x' * 5000); sys.exit('CUDA is out of memory')"
    with pytest.raises(
        SegmenterError, match=r"case-1: copy: expected exit code 0, got 1; .*CUDA is out of memory"
    ) as told:
        segmenter(command=python(code)).segment(case(tmp_path))
    assert len(str(told.value)) < 1000


def test_no_output_tells_what_was_there_instead(tmp_path: Path) -> None:
    code = "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'output' / 'other.nii.gz').touch()"
    with pytest.raises(SegmenterError, match=r"labels\.nii\.gz.*output/other\.nii\.gz"):
        segmenter(command=python(code)).segment(case(tmp_path))


def test_an_output_that_is_no_image_is_refused(tmp_path: Path) -> None:
    code = "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'output' / 'labels.nii.gz').write_bytes(b'no image')"
    with pytest.raises(ReadError):
        segmenter(command=python(code)).segment(case(tmp_path))


def sleeper(pids: Path) -> list[str]:
    """A program that starts another, writes the ids of both, and sleeps."""
    code = (
        "import os, subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"path = pathlib.Path({str(pids)!r}); new = path.with_suffix('.new');"
        "new.write_text(f'{os.getpid()} {child.pid}'); new.rename(path); time.sleep(60)"
    )
    return python(code.replace("{", "{{").replace("}", "}}"))


def test_too_long_kills_the_program_and_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    slow = segmenter(command=sleeper(pids), timeout_s=2)
    began = time.monotonic()
    with pytest.raises(SegmenterError, match="after at most 2 s"):
        slow.segment(case(tmp_path))
    assert time.monotonic() - began < 20
    for pid in map(int, pids.read_text().split()):
        assert _is_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_and_its_children_and_then_acts(tmp_path: Path, number: signal.Signals) -> None:
    pids, scratch = tmp_path / "pids", tmp_path / "scratch"
    scratch.mkdir()
    scan = case(tmp_path).paths["flair"]
    ours = (
        "import sys; from pathlib import Path; from voxlate.cohort import Case;"
        "from voxlate.evaluation.segmentation.programs import Program, ProgramSegmenter;"
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "segmenter = ProgramSegmenter(Program.model_validate_json(sys.argv[1]));"
        "segmenter.segment(Case('case-1', 'case-1', {'flair': Path(sys.argv[2])})); print('went on')"
    )
    declared = json.dumps({**VALID, "command": sleeper(pids)})
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [sys.executable, "-c", ours, declared, str(scan)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None and not pids.is_file():
            time.sleep(0.01)
        process.send_signal(number)
        process.send_signal(number)  # as timeout(1) does
        said, complaint = process.communicate(timeout=30)
    assert process.returncode == -number, complaint
    assert said == b""
    for pid in map(int, pids.read_text().split()):
        assert _is_gone(pid)
    assert not list(scratch.iterdir())


def test_what_it_says_never_blocks_it(tmp_path: Path) -> None:
    code = "import shutil, sys; print('x' * 3_000_000); print('y' * 3_000_000, file=sys.stderr);" + COPY[20:]
    command = [sys.executable, "-c", code, "{flair}", "{output}"]
    assert segmenter(command=command, timeout_s=30).segment(case(tmp_path)).array.any()


def test_a_case_is_only_read(tmp_path: Path) -> None:
    whole = case(tmp_path)
    code = "import sys; open(sys.argv[1], 'wb').write(b'broken')"
    with pytest.raises(VoxlateError):
        segmenter(command=[sys.executable, "-c", code, "{flair}", "{output}"]).segment(whole)
    assert read_volume(whole.paths["flair"]).array.sum() == 6


def _is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that its new parent has not reaped yet counts."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
