"""What bfloat16 costs and gains: error and time of a model's translations in both precisions, on cases with the truth.

    python benchmarks/bfloat16.py DATA [--model RUN] [--source t1] [--target t2] [--cases 4]

Prints for each runtime the mean absolute error inside the foreground, in normalised values, the seconds of the network
alone for a case, and by how many percent the error moves: less than half a percent is what a translation in bfloat16
(VOXLATE_PRECISION=bf16) may cost. Without --model the one that comes with Voxlate is asked. A processor that does not
multiply bfloat16 is asked all the same: torch then rounds to it, and takes longer; OpenVINO computes in float32.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from voxlate.cohort import index_cohort
from voxlate.config.device import DEVICE, PRECISION, RUNTIME
from voxlate.inference.model import load_model
from voxlate.methods import hardware
from voxlate.preprocess.prepare import prepare_case
from voxlate.roles import MODEL


def measure(path: Path | None, data: Path, *, source: str, target: str, cases: int) -> tuple[float, float]:
    """Mean absolute error and seconds of a case."""
    model = load_model(path).asked([source], target)
    names, errors, seconds = (*model.bundle.recipe.source, model.target), [], []
    chosen = index_cohort(data).with_contrasts(*names).cases[: cases + 1]
    for case in chosen[:1] + chosen[:cases]:  # the first warms up
        prepared = prepare_case(case, model.bundle.plan, contrasts=names)
        began = time.monotonic()
        found = model.predictions(prepared)[MODEL]
        seconds.append(time.monotonic() - began)
        mask = np.asarray(prepared.mask[:])
        errors.append(float(np.abs(found - np.asarray(prepared.arrays[model.target]))[mask].mean()))
    return float(np.mean(errors[1:])), float(np.mean(seconds[1:]))


def main() -> None:
    """Prints a line per runtime."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--source", default="t1")
    parser.add_argument("--target", default="t2")
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--runtime", nargs="+", default=["torch", "openvino"])
    asked = parser.parse_args()
    os.environ[DEVICE] = "cpu"
    hardware.multiplies_bf16 = lambda _kind: True
    for runtime in asked.runtime:
        os.environ[RUNTIME] = runtime
        found = {}
        for precision in ("fp32", "bf16"):
            os.environ[PRECISION] = precision
            options = {"source": asked.source, "target": asked.target, "cases": asked.cases}
            found[precision] = measure(asked.model, asked.data, **options)
        (error, slow), (other, quick) = found["fp32"], found["bf16"]
        print(
            f"{runtime}: MAE {error:.5f} and {other:.5f}, {100 * (other / error - 1):+.2f} %; "
            f"{slow:.2f} s and {quick:.2f} s, {slow / quick:.2f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
