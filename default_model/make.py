"""Makes the default model: renders heads, adds the real scans that may be used, trains, and writes what is shipped.

    python default_model/make.py --data ../shared/data --work default-model --minutes 180
    python default_model/make.py --data ../shared/data --work held-out --leave-out patient26 --minutes 180

``--no-real`` learns from renderings alone, and ``--start`` goes on from the weights of another run, on these scans.

Each step goes on from where it was interrupted, so the same command is typed again. A larger ``--heads`` or
``--minutes`` continues too, as long as no training has begun with fewer heads. What was done, with the seed and the
hours, stands in ``WORK/made.json``. ``--ship`` writes the model in half precision, at most 16 MB, to where the package
looks for it.

Of the label maps those from 16 on are never rendered for training, so that a model can be measured on them.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import time
from pathlib import Path
from typing import Any

from scans import list_patients, register_studies
from shipping import ship

from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import load_recipe
from voxlate.io.atomic import write_text
from voxlate.phantoms.labelled.rendering import RenderOptions
from voxlate.phantoms.labelled.writing import make_label_cohort
from voxlate.training.train import train_run

CONTRASTS = ("t1", "t1c", "t2", "flair", "pd")
RENDERED = {"t1": "t1n", "t1c": "t1c", "t2": "t2w", "flair": "t2f", "pd": "pd", "labels": "seg"}
VALIDATION = "validation"
OFTEN = {"patient-*": 2 / 3, "study-*": 4 / 9}
"""How often real scans come, all of a kind together, for each time that a rendered head does."""
LAST_MAP = 15
"""The label maps after this one are kept for measuring."""


def main() -> None:
    """Does what is not done yet."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    render(work, options)
    table, repeat = list_cases(work, options)
    recipe = load_recipe(Path(__file__).parent / "recipe.yaml").with_overrides(
        {
            "training.minutes": options.minutes,
            "training.seed": options.seed,
            "training.start": options.start and str(options.start),
            "training.repeat": repeat,
        }
    )
    run = work / "run"
    train_run(table, recipe, run, resume=True, check=False, report=_tell)
    if options.ship:
        ship(read_bundle(run), options.ship, learned_from=_say_learned(table, options), measured=dict(options.measured))
    _note(work, options, hours=(time.monotonic() - began) / 3600)


def render(work: Path, options: argparse.Namespace) -> None:
    """Completes the rendered heads, and one that is small, so that it validates quickly."""
    maps = work / "maps"
    maps.mkdir(exist_ok=True)
    for path in sorted((options.data / "head_label_maps").glob("training_seg_*.nii.gz")):
        place = maps / path.name
        if int(path.name.split("_")[2].split(".")[0]) <= LAST_MAP and not place.exists():
            place.symlink_to(path.resolve())
    heads = RenderOptions(spacing_mm=1.0, skull_strip=0.5)
    small = heads.model_copy(update={"size": 96})
    for name, cases, settings in (("heads", options.heads, heads), (VALIDATION, 1, small)):
        make_label_cohort(
            work / name,
            labels=maps,
            cases=cases,
            seed=options.seed + (name == VALIDATION),
            contrasts=CONTRASTS,
            options=settings,
            workers=options.workers,
            progress=lambda done, of: _tell("render", done, of),
        )


def list_cases(work: Path, options: argparse.Namespace) -> tuple[Path, dict[str, int]]:
    """A table of all cases, and how often the real ones come."""
    rows = [_rendered(work / "heads", number) for number in range(1, options.heads + 1)]
    rows.append({**_rendered(work / VALIDATION, 1), "case": VALIDATION})
    real = {} if options.no_real else {"patient-*": list_patients(options.data)}
    if options.studies:
        real["study-*"] = register_studies(options.data, work / "studies")
    repeat = {}
    for pattern, cases in real.items():
        learned = {name: files for name, files in cases.items() if name not in options.leave_out}
        rows += [{"case": pattern.replace("*", name), **_texts(files)} for name, files in learned.items()]
        repeat[pattern] = max(1, round(options.heads * OFTEN[pattern] / max(1, len(learned))))
    path = work / "cohort.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case", *CONTRASTS, "labels"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path, repeat


def _texts(files: dict[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in files.items()}


def _rendered(heads: Path, number: int) -> dict[str, str]:
    case = f"Phantom-{number:05d}-000"
    files = {name: (heads / case / f"{case}-{suffix}.nii.gz").resolve() for name, suffix in RENDERED.items()}
    return {"case": case, **_texts(files)}


def _note(work: Path, options: argparse.Namespace, *, hours: float) -> None:
    path = work / "made.json"
    told: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"hours": 0.0}
    told |= {name: str(value) for name, value in vars(options).items()}
    told["hours"] += hours
    write_text(path, json.dumps(told, indent=1) + "\n")


def _tell(stage: str, done: int, of: int) -> None:
    logging.info("%s: %d of %d", stage, done, of)


def _say_learned(table: Path, options: argparse.Namespace) -> str:
    with table.open(newline="") as file:
        cases = [row["case"] for row in csv.DictReader(file)]
    real = [case.split("-", 1)[1] for case in cases if case.startswith(("patient-", "study-"))]
    maps = f"{options.heads} heads rendered from {LAST_MAP} label maps of whole heads (SynthSeg's, Apache-2.0)"
    scans = f", and real scans of Lesjak et al. 2017 (doi:10.1007/s12021-017-9348-7, CC-BY 4.0): {', '.join(real)}"
    return maps + (scans if real else "") + "."


def _named(text: str) -> tuple[str, Path]:
    words, _, path = text.rpartition("=")
    return words, Path(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with head_label_maps and open_ms")
    parser.add_argument("--work", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--heads", type=int, default=120, help="rendered heads to learn from")
    parser.add_argument("--minutes", type=float, default=180, help="of training")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="heads rendered at a time")
    parser.add_argument("--leave-out", action="append", default=[], metavar="PATIENT", help="a real case to measure on")
    parser.add_argument("--no-real", action="store_true", help="renderings alone")
    parser.add_argument("--studies", action="store_true", help="learn from the scans of open_ms_raw too")
    parser.add_argument("--start", type=Path, metavar="RUN", help="go on from the weights of another, on these scans")
    parser.add_argument(
        "--measured", action="append", default=[], type=_named, metavar="WORDS=CSV", help="what measure.py wrote"
    )
    parser.add_argument("--ship", type=Path, metavar="FOLDER", help="write the model in half precision there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
