"""Memory of streaming: the peak of a process that draws batches from few and from many cases, of the size of BraTS.

    python benchmarks/streaming.py [--cases 2 6 18] [--batches 40]

Cases of 240 x 240 x 155 voxels in the layout of BraTS 2015 (.mha) are written and prepared; then a process of its own
per number of cases draws the batches of Kathane & Vhora (2022): one sample of 144 x 144 x 96 around the middle of one
contrast, with its label map. Prints a line XX
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.io import write_volume
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.batches import training_samples
from voxlate.training.setup.begin import prepare, set_up
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

SHAPE = (240, 240, 155)
MIB = 2**20


def write_cases(folder: Path, *, cases: int) -> None:
    """Ellipsoids of noise with a bright ball that is the tumour."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in SHAPE), indexing="ij")
    radius = np.sqrt(sum((axis / half) ** 2 for axis, half in zip(axes, (0.6, 0.75, 0.9), strict=True)))
    for number in range(1, cases + 1):
        rng = np.random.default_rng(number)
        centre = rng.uniform(-0.3, 0.3, 3)
        ball = sum((axis - place) ** 2 for axis, place in zip(axes, centre, strict=True)) < 0.15**2
        scan = np.where(radius < 1, 100 + 20 * rng.standard_normal(SHAPE, dtype=np.float32) + 80 * ball, 0)
        case = folder / "HGG" / f"brats_2013_pat{number:04}_1"
        for stem, array, contrast in (
            (f"VSD.Brain.XX.O.MR_T1c.{number}", scan.astype(np.int16), "t1c"),
            (f"VSD.Brain_3more.XX.O.OT.{number}", (ball & (radius < 1)).astype(np.uint8) * 4, "labels"),
        ):
            (case / stem).mkdir(parents=True)
            write_volume(Volume(array, np.eye(4), contrast=get_contrast(contrast)), case / stem / f"{stem}.mha")


def make_recipe() -> Recipe:
    """The recipe of the dilated network, from one contrast."""
    split = {"fractions": [1.0, 0.0, 0.0]}
    return resolve_recipe("kathane2022-dilated", overrides={"source": ["t1c"], "plan.split": split})


def draw(folder: Path, *, cases: int, batches: int) -> None:
    """Draws batches in this process and prints its peak memory in MiB and the seconds per batch."""
    plan, recipe = Plan.from_yaml((folder / "plan.yaml").read_text()), make_recipe()
    store = PreparedStore(folder / "store", plan, (*plan.source, plan.target), optional=("labels",))
    seconds = own = 0.0
    if batches:
        chosen = [f"brats_2013_pat{number:04}_1" for number in range(1, cases + 1)]
        samples = training_samples(store, chosen, recipe, divisor=8)
        for step in range(batches):
            began = time.monotonic()
            assert samples[step].source.shape == (1, 1, 144, 144, 96)
            seconds += (time.monotonic() - began) / batches
            own = max(own, status("RssAnon:"))
    sys.stdout.write(f"{status('VmHWM:')} {max(own, status('RssAnon:'))} {seconds:.4f}\n")


def status(field: str) -> float:
    """MiB that Linux counts for this process; getrusage would begin with the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main() -> None:
    """Writes, prepares, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[2, 6, 18])
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--draw", nargs=2, metavar=("FOLDER", "CASES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.draw:
        draw(Path(options.draw[0]), cases=int(options.draw[1]), batches=options.batches)
        return
    with tempfile.TemporaryDirectory() as folder:
        data, store = Path(folder) / "data", Path(folder) / "store"
        write_cases(data, cases=max(options.cases))
        setup = set_up(data, make_recipe(), run=None, check=False, report=lambda *_: None)
        prepare(setup, setup.cases("train"), store, report=lambda *_: None)
        (Path(folder) / "plan.yaml").write_text(setup.plan.to_yaml())
        size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / max(options.cases) / MIB

        def measure(cases: int, batches: int) -> tuple[float, ...]:
            command = [sys.executable, __file__, "--batches", str(batches), "--draw", folder, str(cases)]
            run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  (this very file)
            return tuple(map(float, run.stdout.split()))

        idle, idle_own, _ = measure(1, 0)
        for cases in options.cases:
            peak, own, seconds = measure(cases, options.batches)
            sys.stdout.write(
                f"{cases} cases: store {size * cases:.0f} MiB; beyond an idle process {own - idle_own:.0f} MiB of its "
                f"own, {peak - idle:.0f} MiB with mapped files; {1000 * seconds:.0f} ms per batch\n"
            )


if __name__ == "__main__":
    main()
