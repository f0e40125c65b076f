"""How fast Voxlate is, against what a user would otherwise run; writes docs/performance.md.

    make bench
    OMP_NUM_THREADS=1 python benchmarks/speed --only metrics --only data

Both sides run in turn in one process, so that their ratio holds where times do not; run it with nothing else on the
machine all the same. What is measured is kept in --rows, so that parts can be measured one after the other.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from commands import cohort, commands, file, small_file
from data import checking, data_path
from harness import Comparison, Row, compare, keep_rows, load_rows
from translation import default, slices, volumes

from metrics import metrics
from training import training
from voxlate.progress.spreading import cores

SECTIONS: dict[str, Callable[[Path], Iterator[Comparison]]] = {
    "commands": commands,
    "small": small_file,
    "file": file,
    "cohort": cohort,
    "slices": slices,
    "default": default,
    "volumes": volumes,
    "training": training,
    "data": data_path,
    "preflight": checking,
    "metrics": metrics,
}
_PAGE = Path(__file__).parent.parent.parent / "docs" / "performance.md"


def machine() -> str:
    """The processor, how much of it, and what computes."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    names = [f"{name} {version(name)}" for name in ("torch", "openvino", "monai", "scikit-image", "nibabel")]
    threads = os.environ.get("OMP_NUM_THREADS", str(cores()))
    return f"{found[1] if found else 'a processor'}, {cores()} cores, {threads} threads; {', '.join(names)}"


def line(row: Row) -> str:
    """A row of the table."""
    usual = "" if row.usual_seconds is None else f"{_number(row.usual_seconds)} s"
    ratio = "" if row.ratio is None else f"{row.ratio:.2g}"
    worked = "" if row.worked_ratio is None or row.worked < 0.02 else f"{row.worked_ratio:.2g}"
    goal = "" if row.goal is None else f"{row.goal:g}"
    peak = f"{row.mib:.0f}" + ("" if row.usual_mib is None else f" / {row.usual_mib:.0f}")
    off = "" if row.difference is None else f"{row.difference:.1g} <= {row.tolerance:g}"
    against = row.against or "nothing"
    cells = (row.title, row.size, against, f"{_number(row.seconds)} s", usual, ratio, worked, goal, off, peak)
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def page(rows: dict[str, Row]) -> str:
    """The page of the documentation."""
    busy = max((row.load for row in rows.values()), default=0)
    told = (
        f"**Other programs kept the machine busy, a load of up to {busy:.0f}: trust *times less work*.**\n\n"
        if busy > cores() + 1
        else ""
    )
    head = (
        "| what | size | against | Voxlate | usual | times faster | times less work | goal | difference | peak MiB |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return f"{_INTRO}\nMachine: {machine()}.\n\n{told}{head}" + "\n".join(map(line, rows.values())) + "\n" + _CLOSE


_INTRO = """# How fast

`make bench` measures this page, in about twelve minutes on two quiet cores, `make bench OPTIONS='--only metrics'` a
part. Each row does one thing in two ways in turn, in one run: as Voxlate does it, and as one would otherwise. Times are
medians of wall time. *Times less work* compares processor time, which other programs disturb less. *Difference* is
between the two results, as a share of the largest value, beside what is allowed; *peak MiB* is what each held beyond
what was there before, where it ran in the process itself.
"""
_CLOSE = """
With the extra `fast` translations are computed by OpenVINO, in float32, where its output agrees with torch's to 1e-4 of
the largest value on noise; that is looked at once for each model, and the exported network is kept in the cache
(`$XDG_CACHE_HOME/voxlate/graphs`, or `~/.cache/voxlate/graphs`; at most 24 networks). Such a translation loads no
torch. On a real scan both differ by 5e-7 of the largest value on average, and by up to 4e-4 in single voxels of nearly
empty slices, where an instance normalisation divides by next to nothing. `VOXLATE_RUNTIME=torch` asks for torch,
`openvino` or `onnx` for that or a refusal. OpenVINO's telemetry is never loaded. Models of several views, and those
without a network, are computed by torch.

Where OpenVINO is not, the extra `onnx` is asked: ONNX Runtime computes what agrees with torch as closely, if it needed
less than nine tenths of torch's time for a sample of noise, which is looked at once too. A slice of 192 x 192 by the
default model takes 0.113 s of processor time by ONNX Runtime, 0.114 s by OpenVINO and 0.173 s by torch; they differ by
4e-6 of the largest value.

`VOXLATE_PRECISION=bf16` computes MR and PET, never CT or labels, in bfloat16, on a processor that multiplies in it, and
the sidecar says so. Use it where it moves the model's own error by less than half a percent, which
`benchmarks/bfloat16.py` measures: of the default model, over twelve slices of a real head, it moved the error of T2 by
0.02 % and that of FLAIR by -0.15 %, and that of the demo's model by less than 0.01 %. What it gains could not be
measured: no processor at hand multiplies so.

The page in the browser forecasts the memory of a translation, from what the network holds at once for a voxel. Forecast
and measured peak of the program: of a 2-D U-Net, 64, 128 and 192 voxels a side, 451, 652 and 842 MiB against 455, 671
and 837; of a 3-D U-Net in one pass, 128 a side, 662 against 729; of the default model by OpenVINO, 128 a side, 467
against 453.

`benchmarks/device.py --device cuda` measures trainings and a translation by their commands, how busy the device was and
how long steps waited for data, and what `torch.compile` would gain. There was no GPU to try it on.

What is not reached, and why. The goals were set on a processor with AVX-512 that multiplies bfloat16. That of the table
has AVX2 alone: a step of training is computed in float32 there as anybody computes it, and a translation is mostly
convolutions in float32, of which only those outside of the head are saved. The network of the default model gains a
quarter by OpenVINO, no more: its finest features are 16 channels wide, so that memory and not arithmetic is the limit.
HD95 looks for the nearest voxel among 123 neighbours before it builds a tree: a tenth of MONAI's processor time where
surfaces are within three voxels of each other, half of it where they are ten apart and the tree does the work.
"""


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="a part; repeatable")
    parser.add_argument("--match", default="", help="only rows whose title holds this")
    parser.add_argument("--repeats", type=int, help="at most so many")
    parser.add_argument("--rows", type=Path, default=Path("build/bench.json"), help="what is kept of earlier calls")
    parser.add_argument("--fresh", action="store_true", help="forget them")
    parser.add_argument("--page", type=Path, default=_PAGE)
    asked = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", cores())))
    rows = {} if asked.fresh else load_rows(asked.rows)
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = str(Path(place, "cache"))
        for name in asked.only or SECTIONS:
            Path(place, name).mkdir()
            for comparison in SECTIONS[name](Path(place, name)):
                if asked.match not in comparison.title:
                    continue
                row = compare(comparison, most=asked.repeats)
                rows[row.title] = row
                print(line(row), flush=True)
                keep_rows(asked.rows, list(rows.values()))
    asked.page.write_text(page(rows))


if __name__ == "__main__":
    main()
