"""What stands on a terminal of 80 columns, and what is printed where there is none: the screens, looked at."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples import DOCS
from tests.screen import WIDTH, Clock, Screen, of
from voxlate.cli import main
from voxlate.cli.options import _with_names, app, errors
from voxlate.cli.output import print_check, print_scores, say
from voxlate.config.builtin import recipe_names
from voxlate.errors import UsageError
from voxlate.phantoms import PROTOCOLS
from voxlate.progress.watching import Bars
from voxlate.verbs import resolve_recipe
from voxlate.verbs.data import Checked
from voxlate.workflows.result import Result

sys.path.insert(0, str(DOCS))
TIMES = re.compile(r"\d+:\d\d:\d\d +(\d+:\d\d:\d\d|-:--:--) left$")
NETWORK = "method.network={name: fcn, widths: [4, 8]}"
LITTLE = ("--steps", "2", "--set", "training.batch_size=2", "--set", NETWORK)


def test_what_is_logged_meanwhile_goes_to_the_console_of_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    from voxlate.cli.options import LogToTerminal, watching

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    logger = logging.getLogger("voxlate.test.terminal")
    logger.propagate = False
    monkeypatch.setattr(logger, "handlers", [LogToTerminal()])
    with watching() as watch:
        assert isinstance(watch, Bars)
        watch.stage("prepare", 0, 2)
        logger.warning("a case has %d faults", 3)
        logger.warning("a case has %d faults", 3)
        watch.stage("prepare", 2, 2)
    assert [line.split()[0] for line in screen.lines if line] == ["a", "prepare"]
    assert errors().file is screen


def test_a_line_that_is_indented_goes_on_so() -> None:
    screen = Screen()
    say(of(50, screen), "name", "    so long that it does not fit into fifty columns, by some words")
    lines = [line for line in screen.lines if line]
    assert len(lines) == 3
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 4, 4]


FIELDS = ("region", "metric", "method", "mean", "95 % interval", "unit", "n")
ROWS = [
    (region, metric, method, "12.5", interval, unit, "8")
    for metric, unit in (("MAE", "1"), ("PSNR", "dB"))
    for region in ("foreground", "tumour core without enhancement")
    for method, interval in (("identity", ""), ("lookup", "11.25 to 13.75"), ("a model with a long name", "9.5 to 10"))
]


@pytest.mark.parametrize("width", [50, 80])
def test_methods_are_columns_and_every_block_names_the_metrics(width: int) -> None:
    screen = Screen()
    print_scores(
        of(width, screen), "Scores", Result("The answer. It is long.", Path("p"), FIELDS, ROWS, brief="Short.")
    )
    lines = screen.lines
    assert max(map(len, lines)) <= width
    heads = [line for line in lines if line.startswith("\N{BOX DRAWINGS HEAVY VERTICAL} metric")]
    assert len(heads) == lines.count("Scores, n = 8")
    assert sum("identity" in line for line in lines) == 1, "its column's heading"
    body = [line for line in lines if line.startswith("\N{BOX DRAWINGS LIGHT VERTICAL}")]
    assert sum("PSNR, dB" in line for line in body) == 2 * len(heads)
    assert width < WIDTH or "11.25 to 13.75" in " ".join(body), "the interval stands under the mean"
    words = {word for line in lines for word in re.findall(r"[^\W\d_]+", line)}
    known = set(re.findall(r"[^\W\d_]+", " ".join(map(" ".join, [FIELDS, *ROWS]))))
    assert words <= known | {"Scores", "Short", "Report", "p"}, "no word is broken"


def test_a_table_with_a_line_per_method_is_turned() -> None:
    screen = Screen()
    fields = ("method", *(f"MAE of region {n}" for n in range(9)), "seconds per volume")
    rows = [(name, *map(str, range(10))) for name in ("lookup", "genc2022-t2-to-flair-without-mask", "zhao-unet-2d")]
    print_scores(of(file=screen), "Recipes", Result("It is so.", Path("p"), fields, rows))
    lines = screen.lines
    assert max(map(len, lines)) <= WIDTH
    assert sum("MAE of region 3" in line for line in lines) == lines.count("Recipes") == 2, "in every block"
    assert any("genc2022-t2-to-flair-without-mask" in line for line in lines), "a name is whole where there is room"


def checked(count: int) -> Checked:
    rows = [(f"case-{n:03}", f"subject-{n:03}", "t1, t2", str(n)) for n in range(count)]
    findings = [("warning", f"case-{n:03}", "misaligned", f"t1 of {n} fits better elsewhere.") for n in range(count)]
    left = [(f"scans/a/file-{n}.txt", "no image") for n in range(count)]
    return Checked("folders", ("case", "subject", "contrasts", "age"), rows, {"age": "0 to 99"}, left, findings)


@pytest.mark.parametrize(("every", "shown"), [(False, 10), (True, 40)])
def test_a_check_of_many_cases_begins_with_what_matters(every: bool, shown: int) -> None:
    screen = Screen()
    print_check(of(file=screen), checked(40), every=every, root="scans")
    lines = [line for line in screen.lines if line]
    assert lines[0] == "40 cases (folders): 0 errors, 40 warnings, 40 files left out"
    assert lines[1] == "Findings"
    assert sum("subject-" in line for line in lines) == shown
    assert sum("no image" in line for line in lines) == shown
    assert any(re.search(r" a/file-9\.txt ", line) for line in lines), "where the data set lies is known"
    assert lines[-1] == ("And 30 more files: add --all." if not every else lines[-1])
    assert any("And 30 more cases: add --all." in line for line in lines) != every
    assert max(map(len, lines)) <= WIDTH


Run = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Run]:
    """Runs commands in one folder, on a terminal of 80 columns: what stands on standard output and error at the end."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"COLUMNS": WIDTH, "LINES": 40, "FORCE_COLOR": 1, "TERM": "xterm"}.items():
            patched.setenv(name, str(value))
        patched.delenv("NO_COLOR", raising=False)

        def go(*words: object, code: int = 0, within: Path = folder) -> tuple[list[str], list[str]]:
            output, said = Screen(), Screen()
            patched.setattr(sys, "argv", ["voxlate", *map(str, words)])
            with (
                contextlib.chdir(within),
                contextlib.redirect_stdout(output),
                contextlib.redirect_stderr(said),
                pytest.raises(SystemExit) as end,
            ):
                main()
            assert (end.value.code or 0) == code, "\n".join([*output.lines, *said.lines])
            lines = [line for line in output.lines if line], [line for line in said.lines if line]
            assert max(map(len, [*lines[0], *lines[1], ""])) <= WIDTH
            return lines

        yield go


def follow(way: str, run: Run, folder: Path) -> list[tuple[list[str], list[str]]]:
    """Runs the commands of a way of the documentation, a little training in the place of minutes."""
    from record_screens import lay, steps, words

    lay(way, folder, cases=4, size=32)
    found = []
    for _, command, shown in steps(way):
        given = words(command)
        assert given.pop(0) == "voxlate"
        if "--minutes" in given:
            at = given.index("--minutes")
            given[at : at + 2] = LITTLE
        output, said = run(*given, within=folder)
        lines = shown.splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert _landmarks(lines) == _landmarks([*said, *output]), f"run python docs/record_screens.py: {command}"
        found.append((output, said))
    return found


def _landmarks(lines: list[str]) -> list[str]:
    """The bars of a screen and what it names at its end."""
    return [line.split()[0] for line in lines if TIMES.search(line) or re.match(r"(Model|Figure|Next|Report): ", line)]


@pytest.fixture(scope="module")
def bids(run: Run, folder: Path) -> list[tuple[list[str], list[str]]]:
    return follow("bids", run, folder)


@pytest.fixture(scope="module")
def learned(bids: list[tuple[list[str], list[str]]]) -> tuple[list[str], list[str]]:
    return bids[1]


def test_the_screens_of_the_documentation_are_those_of_its_commands(bids: Any, run: Run, folder: Path) -> None:
    assert len(bids) == len(follow("flat", run, folder / "flat")) == 3


def test_a_training_ends_with_its_score_beside_the_lookup_its_figure_and_what_to_do_next(
    bids: list[tuple[list[str], list[str]]],
) -> None:
    (checked, _), (output, said), (scores, measured) = bids
    assert checked[0] == "4 cases (bids): 0 errors, 0 warnings"
    told = " ".join(output)
    assert re.match(r"Normalised MAE on 1 validation case: \d\.\d+ at step 2; intensity lookup reaches 0\.\d+\.", told)
    assert output[-3:] == [
        "Model: run/bundle",
        "Figure: run/figures/progression.png",
        "Next: voxlate evaluate run scans --out run-evaluation",
    ]
    bars = [line.split()[0] for line in said if TIMES.search(line)]
    assert bars == ["preflight", "fingerprint", "prepare", "train"]
    assert any("4/4 cases" in line for line in said)

    assert [line.split()[0] for line in measured if TIMES.search(line)] == ["evaluate"]
    head = next(line for line in scores if "identity" in line)
    assert [word for word in head.split() if word.isalpha()] == ["metric", "region", "identity", "lookup", "model"]
    answer = " ".join(scores[[line.startswith("The model") for line in scores].index(True) : -1])
    assert answer.count(". ") <= 2, "two sentences, and which cases they are about"


def test_one_volume_has_a_bar_too(learned: Any, run: Run) -> None:
    output, said = run("translate", "run", "scans/sub-01/anat/sub-01_T1w.nii.gz", "--out", "one.nii.gz")
    assert "translate" in said[-1]
    assert "1/1 images" in said[-1]
    assert TIMES.search(said[-1])
    assert output == ["1 translated, 0 finished before, 0 failed: one.nii.gz"]
    _, said = run("translate", "run", "scans", "--out", "all", "--quiet", "--device", "cpu")
    assert said == []


def test_dry_runs_leave_nothing_and_tell_what_to_expect(
    learned: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("scans", "--out", "dry", "--dry-run", "--device", "cpu")
    output, _ = run("evaluate", "run", *data)
    assert any(re.search(r"time .* min \d+ s", line) for line in output)
    monkeypatch.setattr("voxlate.training.forecast._SHARE_OF_LOOKING", 1e-6)
    output, _ = run("train", *data, "--recipe", "avula2020-t1-to-t2", *LITTLE[2:], "--steps", 10**9)
    assert "of 4 cases were looked at; `voxlate check` looks at all of them." in " ".join(output)
    assert any("2, 1, 1" in line for line in output), "of the whole data set"
    assert re.search(r"That is long: `--minutes 60`, or `--steps \d+`, would end in about an hour\.", " ".join(output))
    output, _ = run("info", "run")
    assert not any("{" in line for line in output), "no JSON"
    _, said = run("info", "dry", code=2)
    assert "got 'dry'" in " ".join(said), "nothing of that name is there"


@pytest.mark.parametrize("name", ["", *(one.callback.__name__ for one in app.registered_commands if one.callback)])
def test_help_fits_names_the_choices_and_gives_an_example(name: str, run: Run) -> None:
    output, _ = run(*filter(None, [name]), "--help")
    if not name:
        assert all(command.endswith((".", ",")) or not command.startswith("  ") for command in output[-1:])
        return
    assert any(line.startswith("Example") for line in output)
    assert any(line.startswith(f"  voxlate {name}") for line in output)
    text = " ".join(output)
    if "--recipe NAME" in text:
        assert all(recipe in text for recipe in recipe_names()), "names are not parted"


def test_every_option_is_a_whole_sentence() -> None:
    import typer

    for command in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        for parameter in command.params:
            assert re.fullmatch(r"[A-Z].*\.", parameter.help), (command.name, parameter.name)


def test_the_phantom_names_what_it_can_render() -> None:
    import typer

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    choices = commands["phantom"].epilog.split("Contrasts: ")[1].split(".")[0]
    named = [name for name in re.findall(r"\w+", choices) if name in PROTOCOLS]
    assert named == list(PROTOCOLS)
    assert [p.metavar for p in commands["phantom"].params if p.name == "anatomy"] == ["head|thorax|abdomen|labels"]
    assert _with_names("{recipes}") == ", ".join(recipe_names())


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("traning.steps", 1, "training"),
        ("training.stepz", 1, "steps"),
        ("steps", 1, "training.steps"),
        ("training.schedule", "cosin", "cosine"),
        ("window.kind", "slice", "slices"),
        ("target", "flare", "flair"),
        ("loss.l11", 1, "l1"),
        ("method.name", "regresion", "regression"),
        ("method.network", "unett", "unet"),
        ("method.network", {"name": "unet", "chanels": [1]}, "channels"),
        ("training.monitor", "mea", "mae"),
    ],
)
def test_what_is_misspelt_is_refused_at_once_with_what_was_meant(field: str, value: Any, meant: str) -> None:
    from voxlate.training.setup.refusals import check_recipe

    with pytest.raises(UsageError, match=rf"Did you mean {re.escape(meant)}\?"):
        check_recipe(resolve_recipe("avula2020-t1-to-t2", overrides={field: value}))


def test_each_misspelt_field_is_told_what_was_meant() -> None:
    with pytest.raises(UsageError, match=r"Did you mean steps\? Did you mean source\? Correct these fields"):
        resolve_recipe("avula2020-t1-to-t2", overrides={"training.stepz": 1, "sorce": "t1"})


def test_a_study_is_refused_before_its_first_run_and_a_dry_run_before_the_preflight(tmp_path: Path) -> None:
    from voxlate.training.forecast import forecast_run
    from voxlate.training.studies.variants import side_by_side, train_variants

    good = resolve_recipe("avula2020-t1-to-t2")
    bad = good.with_overrides({"method.network": "unett", "name": "other"})
    with pytest.raises(UsageError, match="Did you mean unet"):
        train_variants(tmp_path / "none", side_by_side([good, bad], seeds=1), tmp_path / "study")
    with pytest.raises(UsageError, match="Did you mean unet"):
        forecast_run(tmp_path / "none", bad, report=lambda *_: None)


def test_a_dry_run_ends_in_time_and_says_what_it_left_out(run: Run, learned: Any) -> None:
    from voxlate.training.stopwatch import OutOfTimeError, Stopwatch

    clock = Clock()
    watch = Stopwatch(lambda *_: None, seconds=20, clock=clock)
    watch("evaluate", 0, 10)
    clock.now = 15
    watch("evaluate", 1, 10)
    clock.now = 30
    with pytest.raises(OutOfTimeError):
        watch("evaluate", 2, 10)
    assert (watch.whole(), watch.cut_short()) == (150, {"evaluate": (2, 10)})


def test_the_forecast_of_a_search_or_a_study_is_that_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from voxlate.training import forecast
    from voxlate.verbs.dry_runs import forecast_runs, forecast_tuning

    asked = []

    def pretend(_data: Path, _recipe: Any, *, report: Any, seconds: float) -> Any:
        asked.append(seconds)
        return forecast.Forecast("", (3, 1, 1), [], {}, "", 100, 600.0, 0, 0, notes=("A note.",))

    monkeypatch.setattr(forecast, "forecast_run", pretend)
    recipe = resolve_recipe("avula2020-t1-to-t2")
    found = forecast_tuning("data", recipe, trials=3)
    assert (found.seconds, asked) == (1800, [20])
    assert found.rows[0] == ("avula2020-t1-to-t2", "3 runs of 100 steps, 10 min 0 s each")
    assert forecast_tuning("data", recipe, minutes=25).seconds == 25 * 60
    found = forecast_runs("data", [(recipe, 2), (recipe, 3)])
    assert (found.seconds, asked[2:]) == (3000, [10, 10]), "they share the time that is measured"
    assert found.notes[0] == "A note."
    widths = {"values": [[8, 16], [8, 16, 32]]}
    space = {"search.space": {"training.learning_rate": {"values": [0.1, 0.01]}, "method.network.widths": widths}}
    found = forecast_tuning("data", recipe.with_overrides(space))
    assert [name for name, _ in found.rows] == ["[8, 16]", "[8, 16, 32]", "time"], "each network of a grid is measured"
    assert (found.seconds, found.rows[0][1]) == (4 * 600, "2 runs of 100 steps, 10 min 0 s each")
    with pytest.raises(UsageError, match="--trials"):
        forecast_tuning("data", resolve_recipe("zhao-unet-2d"))


def test_info_tells_what_a_recipe_does_and_where_each_field_comes_from(run: Run) -> None:
    from voxlate.verbs import info

    facts = info("kathane2022-simple")
    assert "ELU" in facts["what it does"]
    told = {one["field"]: (one["value"], one["from"]) for one in facts["fields"]}
    assert told["training.learning_rate"] == (1e-6, "the recipe")
    assert told["plan.grids"] == ("resample", "default")
    output, _ = run("info", "kathane2022-simple")
    assert any("window.size" in line and "96, 96, 96" in line and "the recipe" in line for line in output)
    output, _ = run("info", "networks")
    assert any("spade" in line for line in output)
    _, said = run("info", "netwroks", code=2)
    assert "Did you mean networks?" in " ".join(said)


def test_a_device_that_is_not_there_is_refused_and_the_choice_ends_with_the_command(run: Run) -> None:
    _, said = run("synthesize", "none", "--cases", 1, "--out", "x", "--device", "cuda:99", code=2)
    assert "a device of this machine: cpu" in " ".join(said)
    assert "VOXLATE_DEVICE" not in os.environ


def test_version_and_completion(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from voxlate import __version__

    assert run("--version")[0] == [f"voxlate {__version__}"]
    assert "--install-completion" in " ".join(run("--help")[0])
    monkeypatch.setenv("_VOXLATE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "voxlate train data --recipe dixon-to-ct-u")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert run()[0] == ["dixon-to-ct-unet-25d", "dixon-to-ct-unet-2d", "dixon-to-ct-unet-3d"]
