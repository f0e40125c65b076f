"""How the translation of a data set grows: measured with a few workers of this machine, simulated for many.

    python benchmarks/many_cases.py [--cases 24] [--workers 1 2 4] [--tasks 1000] [--index 1000 2000]

Measured are: the time that the program spends on a case that is nothing (handing out, counting, telling); cohorts of
small phantoms translated by a tiny network, by this process and by so many workers, and once with one of the workers
killed by SIGKILL in the middle; and the time to index a data set and decide what is made, per case, for two sizes,
which says whether it grows in proportion. What follows for 100,000 cases is simulated: workers that start, take the
next case when they are done, and die at random, a scheduler that hands out one case at a time, and the single process
before and after them.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import os
import shutil
import signal
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

import voxlate
from voxlate.cohort import index_cohort
from voxlate.inference.cohort.imputation import decide
from voxlate.inference.model import load_model
from voxlate.machines.cluster import cluster
from voxlate.progress.spreading import spread
from voxlate.verbs import resolve_recipe

STARTS_S = 20.0
"""Until a worker has imported what it needs and read the model."""


def simulate(
    *,
    cases: int,
    workers: int,
    case_s: float,
    task_s: float,
    alone_s: float,
    deaths_per_hour: float = 0.1,
    seed: int = 0,
) -> float:
    """Hours until a data set is translated.

    Args:
        cases: How many; their times are spread log-normally by 30 %.
        workers: How many there are.
        case_s: Seconds that a case takes a worker, the mean.
        task_s: Seconds that the scheduler is busy with a case.
        alone_s: Seconds per case of the single process, before and after.
        deaths_per_hour: Of each worker; it starts again, and what it was at is done anew.
        seed: Of chance.
    """
    rng = np.random.default_rng(seed)
    free = [(STARTS_S, number) for number in range(workers)]
    heapq.heapify(free)
    busy = last = 0.0
    for took in rng.lognormal(np.log(case_s) - 0.045, 0.3, cases):
        at, number = heapq.heappop(free)
        at = busy = max(at, busy) + task_s
        while rng.random() < took * deaths_per_hour / 3600:
            at += took / 2 + STARTS_S
        heapq.heappush(free, (at + took, number))
        last = max(last, at + took)
    return (last + cases * alone_s) / 3600


def nothing(_item: int) -> None:
    """A case that is nothing."""


def processes(name: str) -> list[int]:
    """The workers that this program has started."""
    mine, found = str(os.getpid()), []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if told.get("PPid") == mine and name in command:
            found.append(int(told["Pid"]))
    return sorted(found)


def statuses(folder: Path) -> list[tuple[str, str]]:
    """Case and status, as the manifest tells."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [(row["case"], row["status"]) for row in csv.DictReader(file)]


def kill_one(out: Path, *, after: int, told: list[str]) -> None:
    """Kills a worker by SIGKILL as soon as so many images are there."""
    while len(list(out.glob("*/*.nii.gz"))) < after:
        time.sleep(0.05)
    victim = processes("spawn_main")[0]
    os.kill(victim, signal.SIGKILL)
    told.append(f"process {victim} was killed with {len(list(out.glob('*/*.nii.gz')))} images done")


def measure_cohort(run: Path, data: Path, folder: Path, workers: list[int]) -> float:
    """Translates a cohort by this process, by workers, and by as many with one killed; seconds of a case alone."""
    began = time.monotonic()
    cases = len(voxlate.translate(run, data, out=folder / "alone"))
    case_s = (time.monotonic() - began) / cases
    print(f"this process: {case_s * cases:.1f} s, {case_s:.2f} s a case", flush=True)
    for count in workers:
        began = time.monotonic()
        with cluster(f"local:{count}"):
            spread(nothing, range(count))
            up = time.monotonic()
            voxlate.translate(run, data, out=folder / f"by-{count}")
            took = time.monotonic() - up
        print(f"{count} workers: {took:.1f} s after {up - began:.1f} s of starting them", flush=True)
    out, told = folder / "killed", list[str]()
    with cluster(f"local:{max(workers)}"):
        killer = threading.Thread(target=kill_one, args=(out,), kwargs={"after": cases // 4, "told": told})
        began = time.monotonic()
        killer.start()
        voxlate.translate(run, data, out=out)
        took = time.monotonic() - began
        killer.join()
    done = statuses(out)
    images = sorted(path.name for path in out.glob("*/*.nii.gz"))
    print(f"{max(workers)} workers, one killed: {took:.1f} s; {told[0]}", flush=True)
    finished, twice = sum(status == "done" for _, status in done), len(images) - len(set(images))
    print(f"  cases done {finished} of {cases}, images {len(set(images))}, twice {twice}", flush=True)
    return case_s


def measure_tasks(tasks: int, workers: list[int]) -> float:
    """Seconds per task of nothing, the least over the numbers of workers."""
    found = []
    for count in workers:
        with cluster(f"local:{count}"):
            spread(nothing, range(100))
            began = time.monotonic()
            spread(nothing, range(tasks))
            found.append((time.monotonic() - began) / tasks)
        print(f"a task of nothing, {count} workers: {1000 * found[-1]:.2f} ms", flush=True)
    return min(found)


def measure_index(run: Path, case: Path, folder: Path, sizes: list[int]) -> float:
    """Seconds per case to index a data set and to decide about it, for the largest size."""
    model, each = load_model(run), 0.0
    for size in sizes:
        root = folder / f"index-{size}"
        for number in range(size):
            place = root / f"P-{number:06d}"
            place.mkdir(parents=True)
            os.link(case, place / f"P-{number:06d}_t1.nii.gz")
        began = time.monotonic()
        cohort = index_cohort(root)
        indexed = time.monotonic()
        decide([model], cohort, folder=folder / "none")
        decided = time.monotonic()
        each = (decided - began) / size
        parts = f"indexed in {indexed - began:.2f} s, decided in {decided - indexed:.2f} s"
        print(f"{size} cases: {parts}: {1000 * each:.2f} ms a case", flush=True)
        shutil.rmtree(root)
    return each


def main() -> None:
    """Prints what was measured, and the simulation's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--index", type=int, nargs="+", default=[1000, 2000])
    asked = parser.parse_args()
    brief = {"training.epochs": None, "training.steps": 1, "training.figure_at": []}
    recipe = resolve_recipe("t1-to-t2-fcn", overrides={**brief, "method.network.widths": [4, 8]})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = voxlate.phantom(folder / "cohort", cases=asked.cases, seed=1, size=32, contrasts=["t1", "t2"])
        run = voxlate.train(data, recipe=recipe, out=folder / "run", progress=False)
        first = next(data.glob("*/*-t1n.nii.gz"))
        alone_s = measure_index(run, first, folder, asked.index)
        task_s = measure_tasks(asked.tasks, asked.workers)
        measure_cohort(run, data, folder, asked.workers)
    print_table(alone_s=alone_s, task_s=task_s)


def print_table(*, alone_s: float, task_s: float) -> None:
    """Hours for 100,000 cases of some lengths by some workers."""
    forecast = partial(simulate, cases=100_000, task_s=task_s, alone_s=alone_s)
    print("| seconds a case | " + " | ".join(f"{count} workers" for count in (1, 10, 100, 1000)) + " |")
    for case_s in (1, 5, 60):
        hours = [forecast(workers=count, case_s=case_s) for count in (1, 10, 100, 1000)]
        print(f"| {case_s} | " + " | ".join(f"{value:,.1f} h" for value in hours) + " |")


if __name__ == "__main__":
    main()
