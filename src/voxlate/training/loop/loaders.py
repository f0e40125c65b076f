"""Loader processes: batches made ahead of the step that needs them, in any number of processes.

Batch number ``step`` depends on ``step`` alone: of ``n`` processes number ``w`` makes those with
``(step - start) % n == w``, and one that is killed is replaced by another, which begins with the batch that is owed.
Batches come through a socket of each process, not through shared memory, of which a container has 64 MB by default:
where it is used up, a process is killed while it writes, or waits for ever. A process that says nothing for a long time
counts as killed.
"""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import queue
import select
import signal
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from voxlate import errors
from voxlate.errors import TrainingError, VoxlateError
from voxlate.interruption import end_is_requested
from voxlate.methods.interface import Batch

logger = logging.getLogger(__name__)
_MOST_DEATHS = 3
"""Deaths of processes, without a batch between them, that end the run."""
_SILENCE_S = 600.0
_LOOK_S = 0.5
"""How often it is asked whether a signal wants an end, and by processes whether the training is still there."""
_LENGTH = struct.Struct("!Q")
_Piece = bytes | memoryview


def loaded_ahead(
    make: Callable[[int], Batch], *, start: int, workers: int, silence_s: float = _SILENCE_S
) -> Iterator[Batch]:
    """The batches ``make(start)``, ``make(start + 1)``, ... without end, or until a signal asks for one.

    Args:
        make: From a step to its batch, on the CPU; the same in every process.
        start: The first step.
        workers: Processes, at least one.
        silence_s: Seconds after which a process that makes a batch counts as dead.

    Raises:
        TrainingError: If processes die, or say nothing, again and again.
        VoxlateError: Whatever ``make`` raises.
    """
    loaders: list[_Loader] = []
    deaths, step = 0, start
    try:
        loaders += (_start(make, first=start + number, every=workers) for number in range(workers))
        while True:
            number = (step - start) % workers
            try:
                pieces = _received(loaders[number].channel, silence_s=silence_s)
            except (OSError, EOFError) as error:
                deaths += 1
                why = _why(loaders[number], error)
                if end_is_requested():
                    return
                if deaths > _MOST_DEATHS:
                    raise _given_up(why, workers) from error
                logger.warning("a loader process %s; another one takes its place", why)
                loaders[number] = _start(make, first=step, every=workers)
                continue
            if pieces is None:
                return
            deaths, step = 0, step + 1
            yield _unpacked(pieces)
    finally:
        for loader in loaders:
            loader.end()


@dataclass(frozen=True)
class _Loader:
    """A process and the end of its socket that batches come out of."""

    process: BaseProcess
    channel: socket.socket

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.channel.close()
        self.process.kill()
        self.process.join()


def _start(make: Callable[[int], Batch], *, first: int, every: int) -> _Loader:
    ours, theirs = socket.socketpair()
    with theirs:
        steps = itertools.count(first, every)
        process = multiprocessing.Process(target=_work, args=(make, theirs, steps, os.getpid()), daemon=True)
        process.start()
    return _Loader(process, ours)


def _work(make: Callable[[int], Batch], channel: socket.socket, steps: Iterator[int], parent: int) -> None:
    """What a process does: makes batch after batch, one or two before they are taken, until the training has ended."""
    # The training hears of a signal and ends this process; a batch system sends its warning to all of them.
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    made: queue.Queue[list[_Piece]] = queue.Queue(maxsize=1)
    for target, given in ((_end_with, parent), (_send_all, (channel, made))):
        threading.Thread(target=target, args=(given,), daemon=True).start()
    for step in steps:
        try:
            content = _packed(make(step))
        except Exception as error:  # noqa: BLE001  it is raised again where the batch is asked for
            content = [_of_error(error)]
        made.put(content)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


def _send_all(given: tuple[socket.socket, queue.Queue[list[_Piece]]]) -> None:
    channel, made = given
    try:
        while True:
            pieces = made.get()
            for piece in (_LENGTH.pack(len(pieces)), *(part for one in pieces for part in (_length(one), one))):
                channel.sendall(piece)
    except OSError:  # nobody takes them any more
        os._exit(0)


def _length(piece: _Piece) -> bytes:
    return _LENGTH.pack(memoryview(piece).nbytes)


def _packed(batch: Batch) -> list[_Piece]:
    """What a batch is, in JSON, and the bytes of its arrays."""
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in values.items() if torch.is_tensor(value)}
    plain = {name: value for name, value in values.items() if name not in arrays}
    forms = [(name, array.shape, array.dtype.str) for name, array in arrays.items()]
    told = json.dumps({"forms": forms, "plain": plain}).encode()
    return [told, *(array.reshape(-1).view(np.uint8).data for array in arrays.values())]


def _unpacked(pieces: list[bytearray]) -> Batch:
    """The batch that was packed; raises the error that came in its place."""
    told = json.loads(pieces[0])
    if "kind" in told:
        raise _error(**told)
    values: dict[str, Any] = told["plain"]
    for content, (name, shape, kind) in zip(pieces[1:], told["forms"], strict=True):
        values[name] = torch.from_numpy(np.frombuffer(content, dtype=kind).reshape(shape))
    return Batch(**values)


def _of_error(error: Exception) -> bytes:
    told = {"kind": type(error).__name__, "words": "".join(traceback.format_exception(error))}
    if isinstance(error, VoxlateError):
        told |= {name: getattr(error, name) for name in ("expected", "came", "where", "remedy")}
    return json.dumps(told).encode()


def _error(kind: str, words: str, expected: str = "", **parts: str) -> Exception:
    """The error that ``_of_error`` told; one that is not ours as a ``RuntimeError``, or as the lack of memory it is."""
    ours = getattr(errors, kind, None)
    if expected and isinstance(ours, type) and issubclass(ours, VoxlateError):
        return ours(expected, **parts)
    return MemoryError() if kind == "MemoryError" else RuntimeError(f"in a loader process:\n{words}")


def _received(channel: socket.socket, *, silence_s: float) -> list[bytearray] | None:
    """The pieces of the next batch; ``None`` if a signal asks for an end.

    Raises:
        EOFError: If the process has ended.
        TimeoutError: If it has said nothing for so long.
    """
    count = _read_number(channel, silence_s)
    pieces: list[bytearray] = []
    while count is not None and len(pieces) < count:
        length = _read_number(channel, silence_s)
        piece = None if length is None else _read(channel, length, silence_s)
        if piece is None:
            return None
        pieces.append(piece)
    return None if count is None else pieces


def _read_number(channel: socket.socket, silence_s: float) -> int | None:
    content = _read(channel, _LENGTH.size, silence_s)
    return None if content is None else int(_LENGTH.unpack(content)[0])


def _read(channel: socket.socket, size: int, silence_s: float) -> bytearray | None:
    content = bytearray(size)
    rest, last = memoryview(content), time.monotonic()
    while rest.nbytes:
        if end_is_requested():
            return None
        if not select.select([channel], [], [], _LOOK_S)[0]:
            if time.monotonic() - last > silence_s:
                raise TimeoutError
            continue
        read = channel.recv_into(rest)
        if read == 0:
            raise EOFError
        rest, last = rest[read:], time.monotonic()
    return content


def _why(loader: _Loader, error: Exception) -> str:
    """Why nothing comes from a process, which is ended."""
    if isinstance(error, TimeoutError):
        loader.end()
        return "has made no batch for a long time and was ended"
    loader.process.join(_LOOK_S)
    code = loader.process.exitcode or 0
    loader.end()
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _given_up(why: str, workers: int) -> TrainingError:
    return TrainingError(
        f"{workers} loader processes that live",
        came=f"{_MOST_DEATHS + 1} deaths without a batch between them; the last {why}",
        where="training.workers",
        remedy="Memory may be short: set training.workers to a smaller number or 0, and go on with --resume.",
    )
