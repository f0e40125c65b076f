"""Where and in which precision tensors are computed.

bfloat16 autocast makes training 1.8 to 5 times faster on processors that multiply in it natively, and on GPUs; where
it would be emulated it is slower than float32, so ``auto`` asks the hardware.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import torch

from voxlate.config.device import DEVICE
from voxlate.errors import UsageError

Precision = Literal["fp32", "bf16"]
Module = TypeVar("Module", bound=torch.nn.Module)


def pick_device() -> torch.device:
    """The device that the environment variable ``DEVICE`` names; else the first CUDA device, or the processor.

    Raises:
        UsageError: If there is no such device.
    """
    asked = os.environ.get(DEVICE)
    if not asked:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if asked not in there and not (asked == "cuda" and len(there) > 1):
        raise UsageError(
            f"a device of this machine: {', '.join(there)}",
            came=repr(asked),
            where=f"--device or {DEVICE}",
            remedy="Name one of them, or leave it out.",
        )
    return torch.device(asked)


@cache
def multiplies_bf16(kind: str) -> bool:
    """Whether this machine multiplies bfloat16 in hardware, on a device of that kind."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    info = Path("/proc/cpuinfo")
    flags = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def resolve_precision(wanted: Literal["auto", "fp32", "bf16"]) -> Precision:
    """The precision that a recipe's ``precision`` means on this machine."""
    if wanted == "auto":
        return "bf16" if multiplies_bf16(pick_device().type) else "fp32"
    return wanted


@contextmanager
def computing_in(precision: Precision, device: torch.device) -> Iterator[None]:
    """Autocast to bfloat16, or nothing."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        yield


def channels_last(module: Module) -> Module:
    """The module with its convolution weights laid out channels-last, which oneDNN and cuDNN compute fastest."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim in {4, 5}:
            tensor.data = tensor.data.contiguous(memory_format=memory_format(tensor.ndim - 2))
    return module


def memory_format(dims: int) -> torch.memory_format:
    """The channels-last layout of a batch with ``dims`` spatial axes."""
    return torch.channels_last if dims == 2 else torch.channels_last_3d
