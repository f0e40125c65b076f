"""The forecast of memory that decides between the whole volume and patches: what becomes of the window ``auto``.

Nothing is modelled that can be measured: a process of its own (``voxlate.training.setup.probe``) takes real steps of
the recipe's method on two cubes. Activations grow with the number of voxels; weights, gradients, the optimiser's
moments and the moving average do not. So the line through the two peaks ::

    bytes = fixed + per_voxel * voxels

is read off at the voxels of a step on whole volumes: the largest foreground of the training cases, rounded up to what
the network divides, times the samples of a step. The volume is taken if a share of the free memory holds that, else the
largest of the recipe's ``size``, half of it, a quarter of it ... that fits. Translation keeps no gradients, so what can
be trained can be translated; there the predictor makes windows smaller where memory is short after all.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.errors import TrainingError, UsageError
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.preprocess.plan import Plan
from voxlate.strict import StrictModel
from voxlate.training.setup.setup import Setup

Triple = tuple[int, int, int]
_CUBES = (32, 64)
"""Sides in voxels of the cubes that are measured: the smaller one holds the window of every loss, the larger one has
tensors big enough for the allocator to give their memory back, as those of volumes are."""
_PATCH: Triple = (64, 64, 64)
"""Size of patches where the recipe gives none."""
_SMALLEST_PATCH = 16
"""A patch is not halved to a longest side below this: there would be more border in it than context."""
_USABLE_SHARE = 0.8
"""Part of the free memory that a forecast may fill; the rest is for loading, validation and other programs."""
_GIB = 2**30


class _StepMemory(StrictModel):
    """Memory of a training step as a line over its voxels, all samples together.

    Attributes:
        fixed_bytes: What weights, gradients, moments and average take.
        voxel_bytes: What each voxel adds.

    Example:
        >>> _StepMemory.through((1_000, 6_000), (3_000, 8_000)).of(10_000)
        15000
    """

    fixed_bytes: float
    voxel_bytes: float

    @classmethod
    def through(cls, small: tuple[int, int], large: tuple[int, int]) -> _StepMemory:
        """The line through two measurements of voxels and bytes; it never falls."""
        slope = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
        return cls(fixed_bytes=large[1] - slope * large[0], voxel_bytes=slope)

    def of(self, voxels: int) -> int:
        """Bytes of a step that sees so many voxels."""
        return math.ceil(self.fixed_bytes + self.voxel_bytes * voxels)


class WindowDecision(StrictModel):
    """What an ``auto`` window became, and the numbers behind it.

    Attributes:
        window: The window of training and translation, never ``auto``.
        volume: Size of the whole volume in voxels along i, j, k.
        volume_bytes: Forecast of a step on whole volumes.
        window_bytes: Forecast of a step with the window.
        usable_bytes: What a step might take.
    """

    window: WindowOptions
    volume: Triple
    volume_bytes: int
    window_bytes: int
    usable_bytes: int

    def words(self) -> str:
        """The decision on one line, as the dry run and the log show it."""
        whole, usable = _times(self.volume), f"{self.usable_bytes / _GIB:.1f} GiB"
        if self.window.size is None:
            return f"whole volume, {whole}: {self.window_bytes / _GIB:.1f} of {usable}"
        patches = f"patches, {_times(self.window.size)}: {self.window_bytes / _GIB:.1f} of {usable}"
        return f"{patches}; the whole volume, {whole}, would take {self.volume_bytes / _GIB:.1f}"


class ProbeRequest(StrictModel):
    """What the measuring process is told: whose step, and the sides of the cubes in voxels, from small to large."""

    recipe: Recipe
    plan: Plan
    fingerprint: Fingerprint
    cubes: tuple[int, ...]


class ProbeAnswer(StrictModel):
    """What the measuring process says.

    Attributes:
        divisor: Spatial sizes of a sample are multiples of it.
        peaks: For each cube its voxels, and the bytes at the peak of a step beyond those of a process without one.
        refusal: In the place of the others: expected, came, where and remedy of a refused recipe.
    """

    divisor: int = 1
    peaks: tuple[tuple[int, int], ...] = ()
    refusal: dict[str, str] | None = None


def measure_window(setup: Setup) -> WindowDecision:
    """What the ``auto`` window of a recipe means on this machine, from steps that are taken now.

    Args:
        setup: Whose recipe has nothing else left open.

    Raises:
        UsageError: If the recipe's method cannot be built.
        TrainingError: If no window fits into memory, or none could be measured.
    """
    recipe, device = setup.recipe, setup.device
    request = ProbeRequest(recipe=recipe, plan=setup.plan, fingerprint=setup.fingerprint, cubes=_CUBES)
    answer = _measure_step(request)
    whole = (n + 2 * recipe.window.margin for n in _largest_volume(setup.fingerprint, setup.plan))
    i, j, k = (-(-n // answer.divisor) * answer.divisor for n in whole)
    return _decide_window(
        recipe.window,
        (i, j, k),
        step=_StepMemory.through(answer.peaks[0], answer.peaks[-1]),
        samples=recipe.training.step_samples,
        divisor=answer.divisor,
        usable_bytes=int(_USABLE_SHARE * _available_bytes(device)),
    )


def may_become(asked: WindowOptions, found: WindowOptions) -> bool:
    """Whether a window is the one asked for, or what an ``auto`` one, or one that mirrors, can become."""
    if asked.mirror and not found.mirror:
        asked = asked.model_copy(update={"mirror": False})
    if asked.kind == "auto" and found.kind in ("volume", "patches"):
        return asked.model_copy(update={"kind": found.kind, "size": found.size}) == found
    return asked == found


def _measure_step(request: ProbeRequest) -> ProbeAnswer:
    """Measures in a fresh process, whose peak is that of the steps alone; it computes as this one would.

    Raises:
        UsageError: If the recipe's method cannot be built.
        TrainingError: If the process came to an end, for lack of memory say.
    """
    # A program rather than multiprocessing's spawn, which would run an unguarded script of the user's once more.
    done = subprocess.run(
        [sys.executable, "-m", "voxlate.training.setup.probe"],
        input=request.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        told = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise TrainingError(
            f"enough memory to measure a step on cubes of {' and '.join(map(str, request.cubes))} voxels",
            came=told[-1][:300],
            where="window.kind auto",
            remedy="Give the network fewer channels, or set window.kind to patches with a small window.size.",
        )
    answer = ProbeAnswer.model_validate_json(done.stdout.splitlines()[-1])
    if answer.refusal is not None:
        raise UsageError(**answer.refusal)
    return answer


def _decide_window(
    asked: WindowOptions, volume: Triple, *, step: _StepMemory, samples: int, divisor: int, usable_bytes: int
) -> WindowDecision:
    """The largest window that fits.

    Args:
        asked: The ``auto`` window.
        volume: Size of the largest volume in voxels along i, j, k, as the network would see it.
        step: Memory of a training step.
        samples: Samples of a step.
        divisor: Sizes of patches are multiples of it.
        usable_bytes: What a step may take.

    Raises:
        TrainingError: If none fits.
    """
    tried: list[tuple[str, Sequence[int]]] = [("volume", volume)]
    tried += [("patches", size) for size in _patches(asked.size or _PATCH, divisor)]
    needed = [step.of(samples * math.prod(size)) for _, size in tried]
    for (kind, size), wanted in zip(tried, needed, strict=True):
        if wanted <= usable_bytes:
            window = asked.model_copy(update={"kind": kind, "size": None if kind == "volume" else tuple(size)})
            return WindowDecision(
                window=window,
                volume=volume,
                volume_bytes=needed[0],
                window_bytes=wanted,
                usable_bytes=usable_bytes,
            )
    raise TrainingError(
        f"memory for a training step on patches of {_times(tried[-1][1])} voxels, {needed[-1] / _GIB:.2f} GiB",
        came=f"{usable_bytes / _GIB:.2f} GiB that may be used",
        where="window.kind auto",
        remedy="Close other programs, lower training.batch_size, or give the network fewer channels.",
    )


def _largest_volume(fingerprint: Fingerprint, plan: Plan) -> Triple:
    """The smallest size in voxels along i, j, k that every prepared foreground of the training cases fits in."""
    own = fingerprint.spacing_mm
    extents = fingerprint.foreground_mm or [n * mm for n, mm in zip(fingerprint.shape, own, strict=True)]
    # Resampling moves the edges of the foreground to the voxels of another lattice.
    spare = 0 if plan.spacing_mm is None and plan.resize is None else 1
    spacing = plan.spacing_for(fingerprint.shape, own)
    i, j, k = (round(mm / step) + spare for mm, step in zip(extents, spacing, strict=True))
    return i, j, k


def _available_bytes(device: torch.device) -> int:
    """Memory that is free on a CUDA device, or to this process: of the machine, and of its control groups if any."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    info = Path("/proc/meminfo")
    if not info.is_file():
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    lines = [line.split() for line in info.read_text(encoding="utf-8").splitlines()]
    free = next(1024 * int(words[1]) for words in lines if words[0] == "MemAvailable:")
    return min([free, *_left_in_groups()])


def _patches(size: Sequence[int], divisor: int) -> Iterator[tuple[int, ...]]:
    """A size and its halves, in multiples of the divisor."""
    last: tuple[int, ...] = ()
    while True:
        fitted = tuple(max(divisor, n // divisor * divisor) for n in size)
        if last and (fitted == last or max(fitted) < _SMALLEST_PATCH):
            return
        yield fitted
        last, size = fitted, [n // 2 for n in fitted]


def _left_in_groups() -> list[int]:
    """What each control group that holds this process and limits its memory leaves free (Linux, version 2)."""
    root, membership = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
    lines = membership.read_text(encoding="utf-8").splitlines() if membership.is_file() else []
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    left, group = [], root / own.lstrip("/")
    for folder in (group, *group.parents):
        limit = folder / "memory.max"
        if limit.is_file() and (most := limit.read_text(encoding="utf-8").strip()) != "max":
            used = int((folder / "memory.current").read_text(encoding="utf-8"))
            counts = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
            left.append(int(most) - used + int(counts.get("inactive_file", 0)))  # cached files give way
    return left


def _times(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
