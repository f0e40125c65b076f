"""Faults as scripts: each writes a small input, runs the program on it and ends with 0 where the behaviour is right.

They lie beside the checkout, in ``../shared/cases`` or the folder that VOXLATE_CASES names, and know the product as its
command alone. ``make cases`` runs them; a change must pass all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parent.parent.parent / "shared" / "cases"
CASES = Path(os.environ.get("VOXLATE_CASES", _BESIDE))
SCRIPTS = sorted((path for path in CASES.glob("*/*.py") if path.name != "heads.py"), reverse=True)
"""Those that take longest come first, so that no worker has one left when the other is done."""

pytestmark = pytest.mark.cases


def test_the_scripts_are_there() -> None:
    if not CASES.is_dir():
        pytest.skip("the scripts are absent: put them at ../shared/cases or set VOXLATE_CASES")
    assert len(SCRIPTS) > 30


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_behaviour_is_right(script: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "voxlate"
    command = [sys.executable, str(script)]
    if script.parent.name == "files":
        command += [str(tmp_path / "input"), "--voxlate", str(program)]
    environment = {**os.environ, "VX": str(program), "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
