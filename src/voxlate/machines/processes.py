"""The processes of one training, started by ``torchrun``: each computes its share of every batch.

With the samples ``x_1 ... x_n`` of a step, parted in order over ``p`` processes, and any loss ``L`` of all predictions
together, the gradient of the weights ``w`` is a sum over the processes::

    dL/dw = sum over processes q of  sum over i of q  dL/df(x_i) * df(x_i)/dw

Each process computes ``f`` of its own samples, gets the predictions and the truth of the others, computes the one loss
``L`` of all, and goes back through its own part; the gradients are added up. So the step is that of one process with
the same batch, up to the order of sums, whatever the loss: a mean over a mask, a Dice over the batch, a game against a
discriminator. The mean of the processes' own losses, which is usual, is another number wherever foregrounds differ in
size. What is computed once for each process is the loss, not the network.

Outside of ``torchrun`` there is one process, and nothing here does anything.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from voxlate.errors import TrainingError, UsageError
from voxlate.machines.launch import Share, own_launch

_LONGEST_WAIT = timedelta(days=1)
"""For the first process, which prepares the data set and validates. One that dies is noticed at once."""


def several() -> bool:
    """Whether this process has met others, with whom it shares every batch."""
    return distributed.is_available() and distributed.is_initialized()


def own_share() -> Share:
    """The share of this process in a batch: all, unless it has met others."""
    return own_launch() if several() else Share()


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Meets the other processes for as long as the block runs.

    Args:
        device: Where they compute; of a machine's GPUs each process takes one.

    Raises:
        UsageError: If there are fewer GPUs than processes on this machine.
        TrainingError: If another process ends before this one.
    """
    share = own_launch()
    if share.processes == 1:
        yield
        return
    if device.type == "cuda":
        _take_device()
    if share.rank:
        logging.disable(logging.WARNING)  # what the first says is said
    with _told_of_deaths(), _ending_at_once() if share.rank else nullcontext():
        distributed.init_process_group(timeout=_LONGEST_WAIT)  # gloo for tensors of the processor, NCCL for a GPU's
    try:
        with _told_of_deaths():
            yield
    finally:
        logging.disable(logging.NOTSET)
        distributed.destroy_process_group()


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """Lets signals end this process while it waits for the first, where no handler of Python's would be called."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _take_device() -> None:
    """Gives each process of a machine a GPU of its own."""
    number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= there:
        raise UsageError(
            f"at most {there} processes on a machine with as many GPUs",
            came=f"process {number + 1}",
            where="torchrun --nproc_per_node",
            remedy="Start fewer, or train on the processor with --device cpu.",
        )
    torch.cuda.set_device(number)


@contextmanager
def _told_of_deaths() -> Iterator[None]:
    """Turns what a library says of a lost connection into a sentence."""
    try:
        yield
    except (distributed.DistBackendError, distributed.DistNetworkError, RuntimeError) as error:
        text = str(error)
        if not any(word in text.lower() for word in ("gloo", "nccl", "connection", "socket", "store", "timed out")):
            raise
        raise TrainingError(
            f"all {own_launch().processes} processes of this training",
            came=f"one that has ended or does not answer ({text.splitlines()[0].removesuffix('.')})",
            where=f"process {own_launch().rank}",
            remedy="Start them again with --resume: the run goes on from its last checkpoint.",
        ) from error


def wait_for_all() -> None:
    """Returns when every process has come so far."""
    if several():
        distributed.barrier()


def largest(values: Sequence[float]) -> list[float]:
    """Each number's largest value over all processes, so that all of them decide alike."""
    if not several():
        return list(values)
    numbers = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(numbers, op=distributed.ReduceOp.MAX)
    return [float(number) for number in numbers]


def told_by_first(value: float) -> float:
    """The number that the first process has."""
    if not several():
        return value
    number = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(number, src=0)
    return float(number)


def gathered(own: Tensor) -> Tensor:
    """The samples ``(b, ...)`` of all processes, in order, ``(p * b, ...)``; gradients reach those of this process."""
    return _Gathered.apply(own) if several() else own  # type: ignore[no-untyped-call]


class _Gathered(torch.autograd.Function):
    """All samples; of the gradient each process takes what belongs to its own, for each computes the whole loss."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ANN401  (torch's own)
        parts = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(own_share().processes)]
        distributed.all_gather(parts, own.detach().contiguous())
        ctx.samples = len(own)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        first = own_share().rank * ctx.samples
        return gradients[0][first : first + ctx.samples]


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Adds up the gradients of all processes, of all parameters in one go."""
    if not several():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, part in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))  # which keeps its layout


def sum_over_all(own: Tensor) -> Tensor:
    """The sum of a tensor over all processes, through which gradients flow both ways."""
    return _Summed.apply(own)  # type: ignore[no-untyped-call,no-any-return]


class _Summed(torch.autograd.Function):
    """A sum whose value every process uses, so that what they do with it adds up on the way back, too."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ANN401
        total = own.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total
