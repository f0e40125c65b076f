"""How busy a device is: trainings and a translation by the commands that a user gives, on a GPU or on the processor.

    python benchmarks/device.py --device cuda [--steps 200] [--size 96]
    OMP_NUM_THREADS=1 python benchmarks/device.py --device cpu --steps 4 --size 32 --small

Prints for each command steps per second once it is under way, how much of the device it used (a GPU as ``nvidia-smi``
tells twice a second, a processor as its time over that of all cores it may use), and its peak memory; then what
``torch.compile`` would make of a step. The script is the same everywhere.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import torch

import voxlate
from voxlate.methods.hardware import channels_last, computing_in, memory_format, resolve_precision
from voxlate.networks import NETWORKS
from voxlate.progress.spreading import cores
from voxlate.training.loop.journal import read_log

_POLL_S = 0.5
_TRAININGS = {
    "2-D regression": ("t1-to-t2-fcn", {}),
    "2-D adversarial": ("t1-to-t2-fcn", {"method": "{name: adversarial, network: {name: pix2pix_unet}}"}),
    "3-D regression": (
        "t1-to-t2-fcn",
        {
            "method.network": "{name: unet, channels: [24, 48, 96, 192], normalise: instance}",
            "window.kind": "patches",
            "window.size": "[64, 64, 64]",
        },
    ),
}


@dataclass
class Used:
    """What was seen of a device while something ran."""

    shares: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)


@contextmanager
def watched(device: str) -> Iterator[Used]:
    """Looks at a device, from time to time or before and after, while the block runs."""
    used, ends = Used(), threading.Event()
    watcher = threading.Thread(target=_look, args=(used, ends), daemon=True)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if device != "cpu":
        watcher.start()
    yield used
    ends.set()
    if device != "cpu":
        watcher.join()
        return
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    used.shares.append(100 * worked / (time.monotonic() - began) / cores())
    used.mib.append(after.ru_maxrss / 1024)  # of the largest command so far


def _look(used: Used, ends: threading.Event) -> None:
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
    while not ends.wait(_POLL_S):
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
        share, mib = told.splitlines()[0].split(",")
        used.shares.append(float(share))
        used.mib.append(float(mib))


def run(title: str, *words: object, device: str, log: Path | None = None) -> None:
    """Runs a command and prints a line about it."""
    began = time.monotonic()
    with watched(device) as used:
        command = [sys.executable, "-m", "voxlate", *map(str, words), "--device", device, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    rate = "" if log is None else f"{_rate(log)}, "
    busy = f"{mean(used.shares):.0f} % of the device" if used.shares else "too short to look at the device"
    print(f"{title}: {time.monotonic() - began:.1f} s, {rate}{busy}, {max(used.mib, default=0):.0f} MiB", flush=True)


def _rate(log: Path) -> str:
    """Steps per second of the second half, when everything is warm, and how much of their time they waited for data."""
    steps = [entry.numbers for entry in read_log(log) if entry.validation is None]
    warm = steps[len(steps) // 2 :]
    waited, computed = (sum(numbers[name] for numbers in warm) for name in ("data_s", "step_s"))
    return f"{len(warm) / (waited + computed):.2f} steps/s, {waited / (waited + computed):.0%} of it waiting for data"


def compare_compiled(device: torch.device, *, side: int, times: int) -> None:
    """Prints the time of a step of a network as it is and compiled, in the precision of trainings there."""
    torch.manual_seed(0)
    network = channels_last(NETWORKS["unet"](dims=2, in_channels=1, out_channels=1)).to(device).train()
    batch = torch.rand(8, 1, side, side, device=device).contiguous(memory_format=memory_format(2))
    precision = resolve_precision("auto")

    def step(part: torch.nn.Module) -> float:
        began = time.perf_counter()
        with computing_in(precision, device):
            loss = part(batch).float().abs().mean()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    taken = {
        name: median([step(part) for _ in range(times + 2)][2:])
        for name, part in (("eager", network), ("compiled", torch.compile(network)))
    }
    print(f"step of the 2-D U-Net, {precision}: " + ", ".join(f"{n} {1000 * s:.1f} ms" for n, s in taken.items()))


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cpu, cuda or cuda:1")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--size", type=int, default=96, help="voxels along an axis of the simulated scans")
    parser.add_argument("--small", action="store_true", help="the first training alone, and nothing compiled: a trial")
    asked = parser.parse_args()
    os.environ.setdefault("VOXLATE_RUNTIME", "torch")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = voxlate.phantom(folder / "cohort", cases=4, seed=1, size=asked.size, contrasts=["t1", "t2"])
        for title, (recipe, changes) in list(_TRAININGS.items())[: 1 if asked.small else None]:
            out = folder / title.replace(" ", "-")
            settings = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
            words = ("train", data, "--recipe", recipe, *settings, "--steps", asked.steps, "--out", out)
            run(title, *words, device=asked.device, log=out / "log.jsonl")
        run("translation of 4", "translate", out, data, "--all", "--out", folder / "made", device=asked.device)
    if not asked.small:
        compare_compiled(torch.device(asked.device), side=160, times=10)


if __name__ == "__main__":
    main()
