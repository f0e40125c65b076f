"""The wheel: what the tree builds holds every file of the package, installs in a fresh environment, and starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "voxlate"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tree, with the setuptools that are installed, so that no network is needed."""
    place = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", place / "tree" / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place / "tree")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    _pip("wheel", *options, "--wheel-dir", place, place / "tree")
    (built,) = place.glob("voxlate-*.whl")
    return built


def _pip(*args: object) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, args)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_holds_every_file_of_the_package(wheel: Path) -> None:
    written = {
        f"voxlate/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("voxlate/")}
    assert held == written


def test_installs_in_a_fresh_environment_and_starts(wheel: Path, tmp_path: Path) -> None:
    """What Voxlate needs is taken from the environment of the tests."""
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    python = fresh / "bin" / "python"
    _pip("--python", python, "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", wheel)
    (packages,) = fresh.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def printed(*command: object) -> str:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    assert Path(printed(python, "-c", "import voxlate; print(voxlate.__file__)").strip()).is_relative_to(fresh)
    assert "Usage: voxlate demo" in printed(fresh / "bin" / "voxlate", "demo", "--help")
    assert "t1-to-t2-fcn" in printed(python, "-c", "import voxlate; print(*voxlate.info()['recipes'])")
