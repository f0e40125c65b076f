"""Speed as ratios, side by side in one run: translation against the plain slice loop, reading against training.

    python benchmarks/first_light.py [--size 160] [--repeats 3]

Prints one line per measurement: what, seconds of both, ratio. The network is the recipe catalogue's 2-D U-Net with
random weights; the volume is a phantom head.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

import voxlate
from voxlate.cohort import index_cohort
from voxlate.config.training import Training
from voxlate.config.window import WindowOptions
from voxlate.inference.predict import Predictor
from voxlate.methods import METHODS, Batch
from voxlate.methods.hardware import channels_last, computing_in, resolve_precision
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.batches import training_samples
from voxlate.verbs import resolve_recipe


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


def unet() -> torch.nn.Module:
    """The catalogue's U-Net with its default widths."""
    torch.manual_seed(0)
    method = METHODS["regression"](dims=2, source_channels=1, target_channels=1, loss={"l1": 1.0}, data_range=1.0)
    assert isinstance(method, torch.nn.Module)
    return method


def slice_loop(method: torch.nn.Module, volume: np.ndarray) -> np.ndarray:
    """What translation scripts do: every slice of the whole grid, one after the other, in eager float32."""
    method.eval()
    result = np.empty_like(volume)
    with torch.no_grad():
        for k in range(volume.shape[2]):
            result[:, :, k] = method.network(torch.from_numpy(volume[None, None, :, :, k].copy()))[0, 0].numpy()
    return result


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        voxlate.phantom(Path(folder) / "cohort", cases=1, seed=0, size=arguments.size, contrasts=["t1", "t2"])
        cases = index_cohort(Path(folder) / "cohort").cases
        recipe = resolve_recipe("avula2020-t1-to-t2")
        fingerprint = take_fingerprint(cases, ("t1", "t2"), options=recipe.plan)
        plan = make_plan(fingerprint, recipe.plan, source=("t1",), target="t2")
        store = PreparedStore(Path(folder) / "prepared", plan, ("t1", "t2"))
        store.prepare(cases)
        case = store[cases[0].id]
        whole = np.zeros((arguments.size,) * 3, np.float32)
        i, j, k = case.grid.shape
        whole[:i, :j, :k] = case.arrays["t1"][:]
        method = unet()
        plain = seconds(lambda: slice_loop(method, whole), arguments.repeats)
        fast = channels_last(unet().eval(), dims=2)
        predict = Predictor(fast, WindowOptions(), device=torch.device("cpu"))
        ours = seconds(lambda: predict([case.arrays["t1"]], case.mask), arguments.repeats)
        print(
            f"translation of {arguments.size}^3: slice loop {plain:.2f} s, ours {ours:.2f} s, ratio {plain / ours:.2f}"
        )
        samples = training_samples(store, [cases[0].id], recipe, divisor=fast.divisor)
        reading = seconds(lambda: samples[0], 5 * arguments.repeats)
        training = seconds(training_step(unet(), samples[0]), arguments.repeats)
        print(
            f"a batch: read {1e3 * reading:.0f} ms, trained on {1e3 * training:.0f} ms, ratio {training / reading:.1f}"
        )


def training_step(method: torch.nn.Module, batch: Batch) -> Callable[[], object]:
    """One step as the loop takes it."""
    channels_last(method, dims=2)
    precision = resolve_precision("auto")
    [optimiser] = method.optimisers(Training(steps=1))
    placed = batch.to(torch.device("cpu"), memory_format=torch.channels_last)

    def step() -> None:
        with computing_in(precision, torch.device("cpu")):
            [(_, loss, _)] = method.training_losses(placed)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
