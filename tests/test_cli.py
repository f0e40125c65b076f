"""The command line: what it prints, what it returns, and what it does not load."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program import Ended, run_here, started
from voxlate.config.builtin import recipe_names


def voxlate(*args: object, code: int = 0, cwd: Path | None = None) -> Ended:
    """Runs a command in this process and checks its exit code."""
    ended = run_here(*args, cwd=cwd)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended


@pytest.mark.parametrize("args", [["--help"], ["info", "--json"], ["train", "--help"]])
def test_light_commands_load_nothing_heavy(args: list[str]) -> None:
    program = (
        "import sys, voxlate.cli\n"
        f"sys.argv = ['voxlate', *{args!r}]\n"
        "try:\n    voxlate.cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'monai', 'SimpleITK', 'matplotlib', 'scipy'}\n"
        "heavy |= {'numpy', 'pydantic', 'voxlate.io'} if sys.argv[1:] == ['--help'] else set()\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_import_is_cheap_and_silent() -> None:
    program = (
        "import sys, voxlate; assert not {'torch', 'monai', 'numpy'} & set(sys.modules)\n"
        "import voxlate.cohort; assert not {'torch', 'scipy.stats'} & set(sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_info_about_the_installation() -> None:
    facts = json.loads(voxlate("info", "--json").stdout)
    assert facts["recipes"] == recipe_names()
    assert facts["packages"]["torch"]


def test_every_recipe_is_told_with_all_that_is_said_of_it() -> None:
    """Its name, dimension, minutes and origin in a line, what it is for in the next; nothing is cut off."""
    told = run_here("recipes").stdout.splitlines()
    entries = json.loads(run_here("recipes", "--json").stdout)["entries"]
    assert [one["name"] for one in entries] == [line.split()[0] for line in told[::2]]
    assert sorted(one["name"] for one in entries) == recipe_names()
    for one, head, goal in zip(entries, told[::2], told[1::2], strict=True):
        assert all(one[field] in head for field in ("dim", "minutes", "after"))
        earlier = f"; earlier {one['earlier name']}" if one["earlier name"] else ""
        assert goal.strip() == f"{one['does']}: {one['when']}{earlier}"


def test_info_about_a_model_and_a_volume(trained: Path, phantom_cohort: Path) -> None:
    model = json.loads(voxlate("info", trained, "--json").stdout)
    assert (model["source"], model["target"]) == (["t1"], "t2")
    scan = next(phantom_cohort.rglob("*-t2f.nii.gz"))
    volume = json.loads(voxlate("info", scan, "--json").stdout)
    assert volume["shape"] == [32, 32, 32]
    assert volume["findings"] == []
    assert volume["contrast"] == "flair"
    assert volume["axes"] == "RAS"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_any_command_with_a_word_and_clears_up(number: signal.Signals, tmp_path: Path) -> None:
    told, lock = tmp_path / "told.txt", tmp_path / "data" / ".voxlate.lock"
    with started("phantom", lock.parent, "--cases", "500", "--seed", "1", "--size", "32", told=told) as process:
        for _ in range(3000):
            if lock.exists():
                break
            time.sleep(0.01)
        assert process.pid
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == 130
    said = told.read_text()
    assert f"interrupted by {number.name}" in said
    assert "Traceback" not in said
    assert not lock.exists()


def test_a_full_disk_under_the_output_is_a_sentence() -> None:
    program = "import sys, voxlate.cli\nsys.argv = ['voxlate', 'info', '--json']\nvoxlate.cli.main()"
    command = [sys.executable, "-u", "-c", program]
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == 1
    assert "no space left" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_verbs_of_the_contract_are_there() -> None:
    listing = voxlate("--help").stdout
    for verb in ("demo", "phantom", "check", "train", "tune", "translate", "evaluate", "info"):
        assert verb in listing


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["info", "nowhere.nii"], "nowhere.nii"),
        (["train", "nowhere", "--recipe", "avula2020-t1-to-t2", "--out", "run"], "nowhere"),
        (["train", ".", "--recipe", "no-such-recipe", "--out", "run"], "t1-to-t2-fcn"),
        (["train", ".", "--recipe", "avula2020-t1-to-t2", "--out", "run", "--set", "training.lr=1"], "training.lr"),
        (["train", ".", "--recipe", "avula2020-t1-to-t2", "--out", "run", "--set", "nonsense"], "a.b=value"),
        (["train", ".", "--recipe", "avula2020-t1-to-t2", "--out", "/dev/null"], "expected a folder, got a file"),
        (["train", ".", "--recipe", "avula2020-t1-to-t2", "--out", "/dev/null/run"], "/dev/null: expected a folder"),
        (["train", ".", "--recipe", "avula2020-t1-to-t2", "--out", "run", "--set", "steps=1"], "training.steps"),
        (["translate", ".", "x.nii", "--out", "y.nii"], "manifest.json"),
        (["evaluate", ".", ".", "--out", "run", "--task", "nowhere.yaml"], "nowhere.yaml"),
        (["evaluate", ".", ".", "--out", "run", "--task-without", "nowhere.yaml"], "a task alone"),
    ],
)
def test_wrong_input_is_named_and_ends_with_2(args: list[str], said: str, tmp_path: Path) -> None:
    finished = voxlate(*args, code=2, cwd=tmp_path)
    assert not (tmp_path / "run" / "log.jsonl").exists()
    assert said in finished.stderr.replace("\n", "")
    assert "Traceback" not in finished.stderr


def test_check_prints_what_was_matched(phantom_cohort: Path) -> None:
    printed = voxlate("check", phantom_cohort).stdout
    assert "6 cases" in printed
    assert "flair" in printed
    assert "0 errors" in printed


def test_check_as_json_has_every_attribute(phantom_cohort: Path) -> None:
    values = json.loads(voxlate("check", phantom_cohort, "--json").stdout)
    assert len(values["cases"]) == 6
    assert set(values["cases"][0]) == {"case", "subject", "contrasts", "attributes"}
    assert {"age", "grade", "subtype"} < set(values["cases"][0]["attributes"])


@pytest.mark.parametrize(("width", "columns"), [(80, ["age", "grade"]), (200, ["age", "enhancement", "grade", "site"])])
def test_check_breaks_no_word_and_says_what_had_no_room(width: int, columns: list[str]) -> None:
    from rich.console import Console

    from voxlate.cli.output import print_check
    from voxlate.verbs.data import Checked

    names = ("age", "enhancement", "grade", "site")
    rows = [
        (f"Phantom-0000{n}-000", f"Phantom-0000{n}", "flair, labels, t1, t1c, t2", str(40 + n), "yes", "4", "Trondheim")
        for n in (1, 2, 3)
    ]
    attributes = {"age": "41 to 43", "enhancement": "yes (3)", "grade": "4 (3)", "site": "Trondheim (3)"}
    result = Checked("brats", ("case", "subject", "contrasts", *names), rows, attributes, [], [])
    console = Console(width=width, record=True, file=io.StringIO())
    print_check(console, result)
    printed = console.export_text()
    lines = printed.splitlines()
    assert max(map(len, lines)) <= width
    header = next(line for line in lines if "subject" in line)
    assert [word for word in header.split() if word in names] == columns
    assert sum(all(cell in line for cell in rows[0][:4]) for line in lines) == 1, "a case is a line"
    for name in set(names) - set(columns):
        assert any(name in line and attributes[name] in line for line in lines)
    assert ("--json" in printed) == (len(columns) < len(names))


def test_check_shows_one_row_for_a_code_of_many_cases() -> None:
    from rich.console import Console

    from voxlate.cli.output import print_check
    from voxlate.verbs.data import Checked

    findings = [("warning", f"c{n}", "misaligned", f"t1 of c{n} fits better elsewhere.") for n in range(9)]
    result = Checked("folders", ("case", "subject", "contrasts"), [("c0", "c0", "t1")], {}, [], findings)
    printed = {}
    for every in (False, True):
        console = Console(width=300, record=True, file=io.StringIO())
        print_check(console, result, every=every)
        printed[every] = console.export_text()
    assert printed[False].count("fits better elsewhere") == 1
    assert "The same in 8 more cases: c1, c2, c3, c4, c5, c6, c7, c8 (all with --all or --json)." in printed[False]
    assert printed[True].count("fits better elsewhere") == 9
    assert "9 warnings" in printed[False]


def test_check_ends_with_1_when_the_target_is_the_source(phantom_cohort: Path, tmp_path: Path) -> None:
    import shutil

    data = tmp_path / "data"
    for case in sorted(phantom_cohort.glob("Phantom-*"))[:2]:
        (data / case.name).mkdir(parents=True)
        for suffix in ("t1n", "t2w"):
            shutil.copy(case / f"{case.name}-t1n.nii.gz", data / case.name / f"{case.name}-{suffix}.nii.gz")
    printed = voxlate("check", data, code=1).stdout
    assert "error" in printed
    refused = voxlate("train", data, "--recipe", "avula2020-t1-to-t2", "--out", tmp_path / "run", code=2)
    assert "preflight" in refused.stderr.replace("\n", " ")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_wide_table_is_parted_into_blocks_that_fit_and_keep_the_first_column() -> None:
    from rich.console import Console

    from voxlate.cli.tables import _blocks, print_table

    fields = ("method", *(f"stitching number {n}" for n in range(12)), "seconds per volume")
    rows = [("a long name of a recipe", *(f"{place}.2345" for place in range(13))), ("lookup", *("1",) * 13)]
    console = Console(width=80, record=True, file=io.StringIO())
    print_table(console, "Recipes", fields, rows)
    printed = console.export_text()
    assert printed.count("a long name of a recipe") > 1, "the first column is in every block"
    assert printed.count("stitching") == 12, "no word is broken"
    assert all(f"{place}.2345" in printed for place in range(13))
    assert all(line.rstrip().endswith(("\u2503", "\u2502")) for line in printed.splitlines() if "long name" in line)
    assert max(map(len, printed.splitlines())) <= 80
    assert _blocks([10, 5, 5], room=400) == [[0, 1, 2]]
    assert _blocks([10, 5, 5], room=1) == [[0, 1], [0, 2]], "at least one column a block"
