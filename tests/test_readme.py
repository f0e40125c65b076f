"""The README keeps its promises: it is short, its table of places is true, it names every command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import typer

from tests.examples import ROOT, examples
from voxlate.cli import app

README = ROOT / "README.md"
KINDS = (" metric", " network", " loss", "n image format", " layout of data sets", " recipe field", " verb")
TEXT = README.read_text(encoding="utf-8")


def _section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"README has no section {title!r}"
    return found[1]


def test_is_short() -> None:
    assert TEXT.count("\n") <= 150


def test_places_exist() -> None:
    rows = [line for line in _section("Where do I change ...?").splitlines() if line.startswith("| ")][2:]
    paths = [path for row in rows for path in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert len(paths) >= len(rows) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_guide_for_contributors_names_what_is_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", guide)
    assert len(set(paths)) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [name for name in re.findall(r"^make (\w+)", guide, re.MULTILINE) if f"\n{name}:" not in makefile] == []
    assert [kind for kind in KINDS if f"**A{kind}.**" not in guide] == []


def test_names_every_command() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = _section("The command line")
    assert [name for name in commands if f"voxlate {name} " not in text] == []


def test_says_what_it_is_not_for() -> None:
    assert "Not for diagnostic use" in TEXT


def test_commands_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"make (\w+)", TEXT)
    assert {"demo", "test"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def _make(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "-C", ROOT, *words], capture_output=True, text=True, check=False)


def test_the_demo_installs_no_development_tools_and_the_checks_install_once(tmp_path: Path) -> None:
    venv = f"VENV={tmp_path / 'venv'}"
    demo, lint = _make("-n", "demo", venv).stdout, _make("-n", "lint", venv).stdout
    assert ("--editable ." in demo, "[dev]" in demo, "mypy" in demo) == (True, False, False)
    assert (lint.count("--editable"), lint.count("[dev]")) == (1, 1)


def test_what_lacks_for_an_environment_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ]\n')  # new enough, and without venv
    python.chmod(0o755)
    asked = f"VENV={tmp_path / 'venv'}"
    assert "sudo apt install python3-venv" in _make("demo", asked, f"PYTHON={python}").stderr
    assert "Voxlate needs Python 3.11 or later as false" in _make("demo", asked, "PYTHON=false").stderr


def test_own_data_come_early() -> None:
    assert "voxlate check scans" in "".join(TEXT.splitlines(keepends=True)[:40])


def test_example_has_about_ten_lines() -> None:
    python = [example for example in examples(README) if example.language == "python"]
    assert len(python) == 1
    assert python[0].text.count("\n") <= 12


def test_picture_is_there() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert (ROOT / picture).is_file()
