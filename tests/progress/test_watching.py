"""What shows how far work is: bars on a terminal and in a notebook, lines where there is neither."""

from __future__ import annotations

import io
import re
import sys
import time
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from tests.screen import WIDTH, Clock, Screen, of
from voxlate.progress.watching import Bars, Lines, watch_here
from voxlate.training.loop.validation import Validation

TIMES = re.compile(r"\d+:\d\d:\d\d +(\d+:\d\d:\d\d|-:--:--) left$")


def seen(bars: Bars, width: int = WIDTH) -> list[str]:
    screen = Screen()
    of(width, screen).print(bars)
    return [line for line in screen.lines if line]


def validation(**metrics: float) -> Any:
    return Validation(metrics, example=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_bar_stands_from_the_first_moment_and_times_never_vanish(width: int) -> None:
    clock = Clock()
    bars = Bars(of(width), clock=clock)
    clock.now = 4
    [line] = seen(bars, width)
    assert line.startswith("loading")
    assert line.endswith("0:00:04 -:--:-- left")
    bars.stage("preflight", 0, 6)
    [line] = seen(bars, width)
    assert "0/6 cases 0:00:00 -:--:-- left" in line, "before the first case is done"
    clock.now = 34
    bars.stage("preflight", 3, 6)
    clock.now = 44
    [line] = seen(bars, width)
    assert "3/6 cases 0:00:40 0:00:20 left" in line, "what is left is counted down between two reports"
    bars.stage("preflight", 6, 6)
    bars.stage("labelled parts compared by shape", 1, 12345)
    lines = seen(bars, width)
    assert len(lines) == 2
    assert all(TIMES.search(line) and len(line) <= width for line in lines)


def test_another_training_tells_nothing_of_the_one_before() -> None:
    bars = Bars(of(), clock=Clock())
    for step, score in ((85, ", validation MAE 0.0840 at step 85"), (3, "")):
        bars.stage("train", 0, 1)
        bars.stepped(step, 0.5, {"loss": 0.5})
        if score:
            bars.validated(step, validation(mae=0.084))
        assert f"step {step}, loss 0.5000{score}" in " ".join(" ".join(seen(bars)).split())
    assert "0.0840" not in " ".join(seen(bars))


def test_a_training_that_goes_on_tells_what_is_left_from_its_own_steps() -> None:
    clock = Clock()
    bars = Bars(of(), clock=clock)
    bars.stage("train", 0, 1)
    clock.now = 10
    bars.stepped(501, 0.501, {"loss": 0.5})
    clock.now = 20
    bars.stepped(511, 0.511, {"loss": 0.25})
    bars.validated(511, validation(mae=0.125, lesion_mae=1.0))
    line, note = seen(bars)
    assert "51 % 0:00:20 0:08:09 left" in line
    assert note.strip() == "step 511, loss 0.2500, validation MAE 0.1250 at step 511"
    bars.stage("prepare", 0, 2)
    assert "0:00:00 left" in seen(bars)[0], "one that patience has ended is over when the next stage begins"
    bars.stage("train", 0, 1)
    assert " 0 % 0:00:00 -:--:-- left" in seen(bars)[0], "another run begins anew"


def test_warnings_stand_above_the_bars_and_no_bar_stands_twice() -> None:
    screen = Screen()
    told = "the learning rate goes from 0.001 at step 10 back up to 0.01, and what was learned may get worse first"
    with Bars(of(file=screen)) as bars:
        for done in range(4):
            bars.stage("preflight", done, 3)
            bars._live.console.print(f"WARNING: {told} ({done})", highlight=False)
            bars._live.refresh()
        bars.stage("prepare", 2, 2)
    lines = screen.lines
    assert [line.split()[0] for line in lines if TIMES.search(line)] == ["preflight", "prepare"]
    said = " ".join(lines[: next(at for at, line in enumerate(lines) if TIMES.search(line))])
    assert [f"{told} ({done})" in said for done in range(4)] == [True] * 4
    assert max(map(len, lines)) <= WIDTH


def test_where_there_is_no_terminal_a_line_stands_per_stage_minute_and_validation() -> None:
    file = io.StringIO()
    with Lines(Console(file=file, width=WIDTH), every_s=0.1) as lines:
        lines.stage("preflight", 0, 2)
        lines.stage("preflight", 2, 2)
        lines.stepped(100, 0.25, {"loss": 0.5})
        lines.validated(100, validation(dice=0.75))
        lines.stepped(101, 0.2525, {"loss": 0.25})
        time.sleep(0.15)
    first, second, *rest = file.getvalue().splitlines()
    assert first == "preflight: 2/2 cases, 0:00:00"
    assert second.endswith("left, step 100, loss 0.5000, validation Dice 0.7500 at step 100")
    assert ["step 101, loss 0.2500" in line for line in rest] == [True], "by and by"
    assert "\x1b" not in file.getvalue()


def test_progress_is_shown_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch_here(wanted=False) is None
    assert watch_here(wanted=None) is None, "standard error is no terminal here"
    lines = watch_here(wanted=True)
    assert lines is not None
    with lines:
        lines.stage("prepare", 1, 2)
        lines.stage("prepare", 2, 2)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in said] == ["prepare: 2/2 cases"]
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    bars = watch_here(wanted=None)
    assert isinstance(bars, Bars)
    with bars:
        bars.stage("prepare", 2, 2)
    assert [line for line in screen.lines if line.startswith("prepare")]


def test_a_notebook_shows_loss_and_validation_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str]] = []

    class Handle:
        def display(self, data: dict[str, str], *, raw: bool) -> None:
            shown.append(("display", data["text/plain"]))

        def update(self, data: dict[str, str], *, raw: bool) -> None:
            shown.append(("update", data["text/plain"]))

    ipython, display, shell = ModuleType("IPython"), ModuleType("IPython.display"), type("Shell", (), {"kernel": 1})
    ipython.get_ipython = shell  # type: ignore[attr-defined]
    display.DisplayHandle = Handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *_: pytest.fail("an output beside the bars"))
    watch = watch_here(wanted=None)
    assert watch is not None
    with watch:
        watch.stage("prepare", 3, 3)
        watch.validated(10, validation(mae=0.25))
        watch.stepped(20, 1.0, {"loss": 0.5})
    assert shown[0][0] == "display"
    assert {how for how, _ in shown[1:]} == {"update"}
    assert shown[0][1].startswith("loading")
    prepared, _, note = re.sub(r"\x1b\[[\d;]*m", "", shown[-1][1]).splitlines()
    assert prepared.startswith("prepare ")
    assert note.strip() == "step 20, loss 0.5000, validation MAE 0.2500 at step 10"
