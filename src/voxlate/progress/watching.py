"""What is shown while a verb works: a bar per stage on a terminal and in a notebook, elsewhere plain lines.

A bar's line names the stage, how much of it is done, the time that it has taken and the time that is left, and
none of these gives way to another. What is printed meanwhile, such as warnings, stands above the bars.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

_TRAIN = "train"
_UNITS = {
    "phantom": "cases",
    "preflight": "cases",
    "fingerprint": "cases",
    "prepare": "cases",
    "views": "cases",
    "combine": "steps",
    "probe": "steps",
    "folds": "folds",
    "runs": "runs",
    "scored": "runs",
    "tune": "trials",
    "search time": "s",
    "features": "images",
    "translate": "images",
    "synthesize": "cases",
    "evaluate": "cases",
}
"""Of what a stage reports so many; others, as "real images aligned", say it in their names."""
_OUTER = frozenset({"folds", "runs", "scored", "tune", "search time"})
"""Those that others run within; of the others one ends at the latest where the next begins."""
_SCORES = {"mae": "MAE", "dice": "Dice"}
_REFRESHED_PER_SECOND = 4
_LINE_EVERY_S = 60.0
_TIMES = "-:--:--"
_NARROWEST_BAR, _NAMES_WIDE = 4, 12
_CELL_WIDE = 80


class Validated(Protocol):
    """What a validation came to."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """From a metric's name to its mean."""


class Watch(Protocol):
    """Who is told how far a verb is: its stages, and the steps and validations of its training."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it, and leaves the terminal as it was."""

    def stage(self, name: str, done: int, of: int) -> None:
        """So many of so many pieces of a stage are finished."""

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """A training step is done, and so much of the budget."""

    def validated(self, step: int, validation: Validated) -> None:
        """A validation is done."""


@dataclass
class _Span:
    """A stage: since when it runs, how far it was then and since when that is measured, and how far it was last."""

    name: str
    began: float
    first: float
    since: float
    told: float
    done: float
    of: float
    ended: float | None = None

    def tell(self, done: float, of: float, now: float) -> None:
        if done < self.done or (self.ended is not None and done < of):  # once more, in another run
            self.began, self.ended = now, None
            self.measure(done, now)
        self.told, self.done, self.of = now, done, of
        if done >= of and self.ended is None:
            self.ended = now

    def measure(self, done: float, now: float) -> None:
        self.first, self.since = done, now

    def counts(self) -> str:
        if self.name == _TRAIN:
            return f"{100 * self.done / self.of:.0f} %"
        return f"{self.done:,}/{self.of:,} {_UNITS.get(self.name, '')}".rstrip()

    def elapsed(self, now: float) -> str:
        return _clock((now if self.ended is None else self.ended) - self.began)

    def left(self, now: float) -> str:
        if self.ended is not None:
            return f"{_clock(0)} left"
        if self.done <= self.first:
            return f"{_TIMES} left"
        whole = (self.told - self.since) * (self.of - self.first) / (self.done - self.first)
        return f"{_clock(max(0.0, self.since + whole - now))} left"


@dataclass
class _Stages:
    """Every stage so far, in the order in which they began, and what is known of the training."""

    clock: Callable[[], float]
    began: float = field(init=False)
    known: dict[str, _Span] = field(default_factory=dict)
    loss: str = ""
    score: str = ""

    def __post_init__(self) -> None:
        self.began = self.clock()

    def tell(self, name: str, done: float, of: float) -> _Span:
        now = self.clock()
        if name == _TRAIN and done == 0:  # another run, of which nothing is known
            self.loss = self.score = ""
        if name not in self.known:
            self.known[name] = _Span(name, now, first=done, since=now, told=now, done=done, of=max(of, 1))
        for other in self.known.values():
            if other.ended is None and other.name != name and not {name, other.name} & _OUTER:
                other.ended = now
        self.known[name].tell(done, max(of, 1), now)
        return self.known[name]

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        self.loss = f"step {step:,}, loss {logs.get('loss', float('nan')):.4f}"
        stage = self.tell(_TRAIN, fraction, 1.0)
        if not 0 < stage.first < fraction:  # a run that goes on has not done in this time what it begins with
            stage.measure(fraction, stage.told)

    def validated(self, step: int, validation: Validated) -> None:
        scores = validation.metrics
        found = [f"{title} {scores[name]:.4f}" for name, title in _SCORES.items() if name in scores]
        self.score = f", validation {found[0]} at step {step:,}" if found else ""

    @property
    def note(self) -> str:
        return self.loss + self.score

    def between(self) -> _Span | None:
        """What stands for the work between two stages, or before the first; ``None`` while one runs."""
        ends = [stage.ended for stage in self.known.values()]
        if None in ends:
            return None
        since = max([self.began, *(end for end in ends if end is not None)])
        return _Span("working" if ends else "loading", since, first=0, since=since, told=since, done=0, of=1)


class _Rows:
    """A bar per stage."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._stages, self._over = _Stages(clock), False

    def stage(self, name: str, done: int, of: int) -> None:
        """Shows that ``done`` of ``of`` pieces of a stage are finished."""
        self._stages.tell(name, done, of)

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Shows the share of the budget and the loss."""
        self._stages.stepped(step, fraction, logs)

    def validated(self, step: int, validation: Validated) -> None:
        """Shows the newest score."""
        self._stages.validated(step, validation)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line per stage, under the training's one more with loss and score."""
        now, shown = self._stages.clock(), list(self._stages.known.values())
        between = None if self._over else self._stages.between()
        rows = [(stage, stage.counts()) for stage in shown] + ([(between, "")] if between else [])
        names = max([_NAMES_WIDE, *(cell_len(stage.name) for stage, _ in rows)])
        counts = max([0, *(len(count) for _, count in rows)])
        for stage, count in rows:
            times = f" {count:>{counts}} {stage.elapsed(now)} {stage.left(now):>12}"
            yield _row(set_cell_size(stage.name, names), stage, times, options)
            if stage.name == _TRAIN and self._stages.note:
                yield Text(" " * (names + 1) + self._stages.note, overflow="ellipsis", no_wrap=True)


class Bars(_Rows):
    """A bar per stage at the foot of a terminal."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._live = Live(self, console=console, refresh_per_second=_REFRESHED_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._live.stop()


class _Cell(_Rows):
    """A bar per stage in the output of a notebook's cell, drawn anew a few times per second."""

    def __init__(self, display: Any) -> None:  # noqa: ANN401  IPython need not be there
        super().__init__(time.monotonic)
        self._handle, self._drawn = display.DisplayHandle(), -1.0

    def __enter__(self) -> Self:
        self._draw(self._handle.display)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._draw(self._handle.update)

    def stage(self, name: str, done: int, of: int) -> None:
        super().stage(name, done, of)
        if done >= of:  # what follows, such as the drawing of a page, may tell nothing for long
            self._draw(self._handle.update)
        self._draw_in_time()

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        super().stepped(step, fraction, logs)
        self._draw_in_time()

    def _draw_in_time(self) -> None:
        if time.monotonic() - self._drawn > 1 / _REFRESHED_PER_SECOND:
            self._draw(self._handle.update)

    def _draw(self, show: Callable[..., object]) -> None:
        # Left to itself, in a notebook Rich shows what is only to be caught here: an empty output each time.
        paper = Console(
            file=io.StringIO(), width=_CELL_WIDE, force_terminal=True, force_jupyter=False, color_system="standard"
        )
        with paper.capture() as drawn:
            paper.print(self)
        show({"text/plain": drawn.get()}, raw=True)
        self._drawn = time.monotonic()


def watch_here(*, wanted: bool | None) -> Watch | None:
    """What shows to whoever calls from Python how far a call is; ``None`` for nothing.

    Args:
        wanted: Whether to show it; ``None``: in a notebook and on a terminal. Where there is neither, what is wanted
            comes as plain lines on standard error.
    """
    if wanted is False:
        return None
    ipython, display = sys.modules.get("IPython"), sys.modules.get("IPython.display")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return _Cell(display)
    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return Bars(console)
    return Lines(console) if wanted else None


def _row(name: str, stage: _Span, times: str, options: ConsoleOptions) -> Text:
    """One line that fits; where there is little room the bar gives way first, then the name, never the times."""
    room = max(options.max_width - cell_len(times), 0)
    wide = room - cell_len(name) - 1
    sign = "-" if options.ascii_only else "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
    if wide < _NARROWEST_BAR:
        return Text.assemble(set_cell_size(name, room), times, no_wrap=True)
    full = round(wide * min(stage.done / stage.of, 1))
    return Text.assemble(
        f"{name} ",
        (sign * full, "bar.complete" if stage.ended is None else "bar.finished"),
        ((" " if options.ascii_only else sign) * (wide - full), "bar.back"),
        times,
        no_wrap=True,
    )


class Lines:
    """Plain lines, for what is no terminal: one where a stage ends, and one per minute and per validation."""

    def __init__(
        self, console: Console, *, every_s: float = _LINE_EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._every_s, self._stages = console, every_s, _Stages(clock)
        self._over, self._newest = threading.Event(), ""
        self._thread = threading.Thread(target=self._keep_telling, name="voxlate-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def stage(self, name: str, done: int, of: int) -> None:
        """Prints a line if the stage has come to its end."""
        self._newest = name
        stage = self._stages.tell(name, done, of)
        if stage.ended == stage.told:
            self._print(stage)

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Keeps the loss for the next line."""
        self._newest = _TRAIN
        self._stages.stepped(step, fraction, logs)

    def validated(self, step: int, validation: Validated) -> None:
        """Prints a line with the score."""
        self._stages.validated(step, validation)
        self._print(self._stages.tell(_TRAIN, *self._trained()))

    def _trained(self) -> tuple[float, float]:
        stage = self._stages.known.get(_TRAIN)
        return (0.0, 1.0) if stage is None else (stage.done, stage.of)

    def _keep_telling(self) -> None:
        while not self._over.wait(self._every_s):
            stage = self._stages.between() or self._stages.known.get(self._newest)
            if stage is not None:
                self._print(stage)

    def _print(self, stage: _Span) -> None:
        now, counted = self._stages.clock(), stage.name in self._stages.known
        times = [stage.counts()] * counted + [stage.elapsed(now)] + [stage.left(now)] * (stage.ended is None)
        note = [self._stages.note] * (stage.name == _TRAIN and bool(self._stages.note))
        self._console.print(
            f"{stage.name}: {', '.join([*times, *note])}", markup=False, highlight=False, soft_wrap=True
        )


class Silence:
    """Shows nothing, and holds news back unless they are wanted; warnings are told all the same."""

    def __init__(self, *, news: bool = False) -> None:
        self._news = news

    def __enter__(self) -> Self:
        if not self._news:
            logging.disable(logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.disable(logging.NOTSET)

    def stage(self, name: str, done: int, of: int) -> None:
        """Tells nobody."""

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Tells nobody."""

    def validated(self, step: int, validation: Validated) -> None:
        """Tells nobody."""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
