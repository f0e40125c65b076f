"""Size of a report: the evaluation of a run on a few cases, told as that of many.

    python benchmarks/large_report.py RUN DATA [--cases 1000]

The cases of the data set are scored; their evidence, scores and pictures, stands again and again for other cases, with
scores that differ by up to a tenth; figures and page are drawn of these. Prints how large the page is and how long it
takes, for the few and for the many.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from voxlate.evaluation.cases import Scored
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.workflows import fidelity

MIB = 2**20


def multiplied(scored: Scored, cases: int, *, seed: int = 0) -> Scored:
    """Evidence of so many cases, from that of a few."""
    rng, kept = np.random.default_rng(seed), list(scored.found.values())

    def other(number: int) -> CaseEvidence:
        one, factor = kept[number % len(kept)], rng.uniform(0.9, 1.1)
        rows = [replace(row, case=f"case-{number:05d}", value=row.value * factor) for row in one.scores]
        return replace(one, scores=rows)

    return Scored({f"case-{number:05d}": other(number) for number in range(cases)})


def main(words: Sequence[str] | None = None) -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    asked = parser.parse_args(words)
    drawn = fidelity.draw

    def draw(subject: object, scored: Scored, summary: object, out: Path, **options: object) -> object:
        for cases in (len(scored.found), asked.cases):
            began = time.monotonic()
            many = multiplied(scored, cases)
            told = replace(subject, scored=cases)  # type: ignore[type-var]
            result = drawn(told, many, fidelity.summarise(many, out), out, **options)  # type: ignore[arg-type]
            size = (out / "report.html").stat().st_size / MIB
            print(f"{cases} cases: {size:.2f} MiB, {time.monotonic() - began:.1f} s", flush=True)
        return result

    fidelity.draw = draw  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        options = fidelity.FidelityOptions()
        fidelity.evaluate_fidelity(
            asked.run, asked.data, Path(folder), split="all", options=options, report=lambda *_: None
        )


if __name__ == "__main__":
    main()
