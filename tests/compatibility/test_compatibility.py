"""What an earlier version left on disk works as it did: bundles, runs, a search, a prepared store.

The fixture was made by ``make_fixture.py`` (see there), on a phantom cohort that is drawn here again. Only public
verbs, a command and files are used, so that nothing here changes when modules do.

Text must be the same, byte for byte, after masking: seconds (``data_s`` and ``step_s`` of a log, ``duration_s`` of a
table of trials) and the ``software_version`` of a sidecar; scores and summaries have nothing to mask. Numbers with a
fraction must be the same to the last digit where versions and processor are those that made the fixture
(``environment.json``), and nearly so elsewhere: the last digits of a sum depend on both.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import voxlate
from tests.compatibility.setting import (
    COHORTS,
    CONTINUED,
    RESUMED,
    SCANS,
    TRIALS,
    draw_cohorts,
    longer,
    voxels_of,
)
from tests.compatibility.stored import FIXTURE, digests, environment, unpack_run, unpack_store, unpack_study
from tests.program import run_here

pytestmark = pytest.mark.usefixtures("one_thread")

EXPECTED = FIXTURE / "expected"
RUNS = tuple(COHORTS)
_FRACTION = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)(?![\w.])")
_MASKED = re.compile(r'("(?:data_s|step_s|software_version)": )[^,}\n]+')


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


EXACT = environment() == json.loads(read(FIXTURE / "environment.json"))


def masked(text: str) -> str:
    """Without what may differ between two runs of the same code, and between versions."""
    return _MASKED.sub(r"\1MASKED", text)


def assert_same(text: str, expected: str) -> None:
    """Byte for byte in the same environment; elsewhere but for the last digits of numbers with a fraction."""
    if EXACT:
        assert masked(text) == masked(expected)
        return
    text, expected = masked(text), masked(expected)
    assert _FRACTION.sub("#", text) == _FRACTION.sub("#", expected)
    numbers, wanted = ([float(one) for one in _FRACTION.findall(part)] for part in (text, expected))
    assert numbers == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def facts_of(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    """What shows that no file of a folder was written anew."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cohorts, and the runs as they were."""
    folder = tmp_path_factory.mktemp("compatibility")
    draw_cohorts(folder)
    if digests(folder / "labelled") != read(FIXTURE / "cohort.csv"):
        assert not EXACT, "the phantom of this seed is drawn otherwise than before"
        pytest.skip("this processor, or these versions, draw the phantom with other last digits")
    for name in RUNS:
        unpack_run(FIXTURE / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def resumed(place: Path) -> dict[str, Path]:
    """Copies of the runs that have gone on."""
    runs = {name: unpack_run(FIXTURE / name, place / f"{name}-resumed") for name in RUNS}
    for name, run in runs.items():
        recipe = longer(FIXTURE / name / "recipe.yaml", place / f"{name}.yaml")
        voxlate.train(place / COHORTS[name], recipe=recipe, out=run, resume=True)
    return runs


@pytest.mark.parametrize("name", RUNS)
def test_a_checkpoint_is_put_back_as_it_was(place: Path, name: str) -> None:
    """Of the fixture itself: where torch is the same, its bytes are those that were written then."""
    kept = sorted((FIXTURE / name / "checkpoints").glob("*.json"))
    assert [path.stem for path in kept] == ["best", "step_000000004"]
    for path in kept:
        content = (place / name / "checkpoints" / f"{path.stem}.ckpt").read_bytes()
        assert content[:32] == hashlib.sha256(content[32:]).digest()
        assert content[:32].hex() == json.loads(read(path))["sha256"] or not EXACT


@pytest.mark.parametrize("name", RUNS)
def test_a_bundle_translates_to_the_same_values(place: Path, name: str, tmp_path: Path) -> None:
    out = tmp_path / "image.nii.gz"
    voxlate.translate(place / name / "bundle", place / "labelled" / SCANS[name], out=out)
    values = [float(line) for line in read(EXPECTED / name / "image.csv").splitlines()]
    assert len(set(values)) > 1, "something is there to be seen"
    assert voxels_of(out) == (values if EXACT else pytest.approx(values, rel=1e-3, abs=1.0))
    sidecar, expected = read(tmp_path / "image.json"), read(EXPECTED / name / "image.json")
    if not EXACT:  # of every byte of the image
        sidecar, expected = (re.sub('("output_sha256": ).*', r"\1MASKED", text) for text in (sidecar, expected))
    assert_same(sidecar, expected)


def test_a_model_is_told_by_its_digest(place: Path) -> None:
    told = json.loads(run_here("info", place / "translation", "--json").stdout)
    bundle = FIXTURE / "translation" / "bundle"
    assert told["digest"] == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert told["scores"] == json.loads(read(bundle / "scores.json"))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_same_scores(place: Path, name: str, tmp_path: Path) -> None:
    voxlate.evaluate(place / name, place / COHORTS[name], out=tmp_path / "out")
    expected = read(EXPECTED / name / "scores.csv")
    metrics = {line.split(",")[3] for line in expected.splitlines()}  # those that have come since are left out
    lines = read(tmp_path / "out" / "scores.csv").splitlines(keepends=True)
    assert_same("".join(line for line in lines if line.split(",")[3] in metrics), expected)
    kept = json.loads(read(EXPECTED / name / "summary.json"))  # without its indentation, which is half of the file
    found = json.loads(read(tmp_path / "out" / "summary.json"))
    found["rows"] = [row for row in found["rows"] if row["metric"] in metrics]
    assert_same(*(json.dumps(values, indent=2, ensure_ascii=False) for values in (found, kept)))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_from_its_checkpoint(resumed: dict[str, Path], name: str) -> None:
    log, before = read(resumed[name] / "log.jsonl"), read(FIXTURE / name / "log.jsonl")
    assert log.startswith(before), "what is done is not done again"
    steps = [json.loads(line)["step"] for line in log.splitlines()]
    assert sorted(set(steps)) == list(range(1, RESUMED + 1))
    expected = read(EXPECTED / name / "log.jsonl")
    rows, wanted = ([json.loads(line) for line in text.splitlines()] for text in (log.removeprefix(before), expected))
    assert_same(*("\n".join(map(json.dumps, part)) for part in (known_of(rows, wanted), wanted)))


@pytest.mark.parametrize(("name", "decided"), [("translation", "window.json"), ("segmentation", "settled.json")])
def test_what_a_run_has_decided_stands(resumed: dict[str, Path], name: str, decided: str) -> None:
    for file in (decided, "plan.yaml", "split.csv", "split_shares.csv", "fingerprint.json"):
        assert read(resumed[name] / file) == read(FIXTURE / name / file)
    again, before = (yaml.safe_load(read(run / "bundle" / "recipe.yaml")) for run in (resumed[name], FIXTURE / name))
    before["training"]["steps"] = RESUMED
    assert known_of(again, before) == before, "the bundle's recipe has what was decided"


def test_a_search_goes_on_with_its_study(place: Path) -> None:
    folder = place / "study"
    folder.mkdir()
    unpack_study(FIXTURE / "study" / "study.sql", folder / "study.db")
    found = voxlate.tune(place / "scans", recipe=FIXTURE / "study" / "recipe.yaml", out=folder, trials=CONTINUED)
    assert len(found.rows) == CONTINUED
    assert len(list((folder / "trials").iterdir())) == CONTINUED - TRIALS, "only what is new was trained"
    best, wanted = (yaml.safe_load(read(path / "best.yaml")) for path in (folder, EXPECTED / "study"))
    assert_same(*(yaml.safe_dump(part) for part in (known_of(best, wanted), wanted)))
    table, expected = (without_seconds(path / "trials.csv") for path in (folder, EXPECTED / "study"))
    assert_same(table, expected)


def known_of(found: Any, wanted: Any) -> Any:
    """What is found, without the fields and metrics that have come since: those that what is wanted does not have."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return {name: known_of(value, wanted[name]) for name, value in found.items() if name in wanted}
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [known_of(*pair) for pair in zip(found, wanted, strict=True)]
    return found


def without_seconds(path: Path) -> str:
    """A table of trials with the column ``duration_s`` masked, which is the last but two."""
    rows = [line.split(",") for line in read(path).splitlines()]
    assert rows[0][-3:] == ["duration_s", "run", "reason"]
    return "\n".join(",".join([*row[:-3], "MASKED", *row[-2:]]) for row in rows)


def test_a_case_is_prepared_as_it_was(resumed: dict[str, Path], tmp_path: Path) -> None:
    """The bytes of its arrays, whose names end in a key that changes with the code."""
    [stored] = (FIXTURE / "store").glob("*/*")
    before = unpack_store(stored, tmp_path / "case")
    anew = resumed["translation"] / "prepared" / stored.relative_to(FIXTURE / "store")
    old, new = ({path.name.rpartition("-")[0]: path for path in case.glob("*.b2nd")} for case in (before, anew))
    assert set(old) == set(new) == {"t1", "t2", "foreground"}
    assert all(old[name].read_bytes() == new[name].read_bytes() for name in old) or not EXACT


def test_a_prepared_store_is_taken_as_it_lies(resumed: dict[str, Path], place: Path) -> None:
    """A case is prepared anew if the code for it has changed; with today's digest of the code, all else must do."""
    [stored] = (FIXTURE / "store").glob("*/*")
    where = Path("prepared") / stored.relative_to(FIXTURE / "store")
    run = unpack_run(FIXTURE / "translation", place / "with-store")
    case = unpack_store(stored, run / where)
    record: dict[str, Any] = json.loads(read(case / "case.json"))["record"]
    record["code"] = json.loads(read(resumed["translation"] / where / "case.json"))["record"]["code"]
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    (case / "case.json").write_text(json.dumps({"digest": digest, "record": record}, indent=1), encoding="utf-8")
    before = facts_of(case)
    assert len(before) == 4
    voxlate.train(place / "scans", recipe=place / "translation.yaml", out=run, resume=True)
    assert facts_of(case) == before
    assert len(list((run / "prepared").glob("*/*"))) == 3, "the other cases of the run lie beside it"
