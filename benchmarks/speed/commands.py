"""Commands as a user starts them: start-up, one volume from file to file, a cohort."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import Comparison
from inputs import WHOLE, write_cohort, write_model

from voxlate.config.device import RUNTIME

_HERE = Path(__file__).parent
_SMALL = (96, 96, 40)
_FCN = {"method.network": {"name": "unet", "channels": [32, 64, 128, 256, 512], "normalise": "batch"}}


def _run(*words: object, runtime: str = "auto") -> None:
    told = {**os.environ, RUNTIME: runtime}
    subprocess.run([sys.executable, *map(str, words)], env=told, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def commands(folder: Path) -> Iterator[Comparison]:
    """How long it takes until a command begins."""

    def bare() -> None:
        _run("-c", "pass")

    for words, goal in ((["--help"], None), (["info", "--json"], None)):
        work = _started(*words)
        yield Comparison(f"voxlate {' '.join(words)}", "", work, bare, "starting Python", goal=goal)


def _started(*words: str, runtime: str = "auto") -> Callable[[], None]:
    return lambda: _run("-m", "voxlate", *words, runtime=runtime)


def small_file(folder: Path) -> Iterator[Comparison]:
    """A small volume, of which most is imports."""
    return _file_to_file(folder, "a small volume", _SMALL)


def file(folder: Path) -> Iterator[Comparison]:
    """A volume of the size of a BraTS scan."""
    return _file_to_file(folder, "a volume", WHOLE)


def _file_to_file(folder: Path, title: str, shape: tuple[int, int, int]) -> Iterator[Comparison]:
    data = write_cohort(folder / "data", cases=1, shape=shape)
    model = write_model(folder / "model", data, _FCN)
    scan, size = next(data.rglob("*T1w.nii.gz")), " x ".join(map(str, shape))
    script, goal = _HERE / "usual_translation.py", 3.0 if shape == _SMALL else 4.0

    def usual() -> None:
        _run(script, model, scan, folder / "usual.nii.gz")

    for name in ("OpenVINO", "torch"):
        out = str(folder / f"{name}.nii.gz")
        words = ("translate", str(model), str(scan), "--out", out, "--overwrite", "--no-picture")
        ours = _started(*words, runtime="torch" if name == "torch" else "openvino")
        aim = goal if name == "OpenVINO" else None
        against = "a script of nibabel, torch and MONAI that loops over slices"
        yield Comparison(f"{title}, file to file, {name}", size, ours, usual, against, goal=aim, repeats=1)


def cohort(folder: Path) -> Iterator[Comparison]:
    """Several cases by one command, which reads, computes and writes at once."""
    cases, shape = 4, (160, 160, 80)
    data = write_cohort(folder / "data", cases=cases, shape=shape)
    model = write_model(folder / "model", data, _FCN)
    scans = sorted(data.rglob("*T1w.nii.gz"))
    words = ("translate", str(model), str(data), "--all", "--overwrite")

    def usual() -> None:
        for scan in scans:
            _run(
                "-m", "voxlate", "translate", model, scan, "--out", folder / "one.nii.gz", "--overwrite", "--no-picture"
            )

    ours = _started(*words, "--out", str(folder / "all"))
    size = f"{cases} of {' x '.join(map(str, shape))}"
    yield Comparison("a cohort", size, ours, usual, "one command for each", goal=1.6, repeats=1)
