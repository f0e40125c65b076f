"""A cluster's workers: one that is killed has its cases done by others, and nothing is done twice."""

from __future__ import annotations

import csv
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import voxlate
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.cohort.preflight.checks import preflight
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import load_candidate
from voxlate.io import file_digest
from voxlate.machines.cluster import cluster
from voxlate.machines.shard import Shard, only, own_shard
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import silent
from voxlate.progress.spreading import each_done, helped_by, spread
from voxlate.workflows.fidelity import FidelityOptions, score


def images(folder: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in folder.rglob("*_t2.nii.gz")}


def statuses(folder: Path, name: str = "manifest.csv") -> list[tuple[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return [(row["case"], row["status"]) for row in csv.DictReader(file)]


def test_helpers_do_what_is_handed_out_and_a_failure_is_told_with_its_item() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item * 10

    with ThreadPoolExecutor(2) as pool, helped_by(pool):
        made = dict(each_done(work, range(4)))
        assert sorted(made) == [0, 1, 2, 3]
        assert isinstance(made[2].exception(), ValueError)
        assert spread(partial(pow, 2), range(5)) == [1, 2, 4, 8, 16]
        with pytest.raises(ValueError, match="two"):
            spread(work, range(4))


def test_a_shard_is_a_part_of_the_cases() -> None:
    with only("2/3"):
        assert own_shard() == Shard(2, 3)
    assert own_shard() == Shard()
    assert sorted(item for number in (1, 2, 3) for item in Shard(number, 3).of_all(range(7))) == list(range(7))
    for words in ("0/3", "4/3", "2", "a/b"):
        with pytest.raises(UsageError, match="1/10"), only(words):
            pass


class Packing(ThreadPoolExecutor):
    """Threads that get what they work on as a process on another machine would."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        packed = cloudpickle.dumps((fn, args, kwargs))

        def work() -> Any:
            found, given, named = cloudpickle.loads(packed)
            return cloudpickle.loads(cloudpickle.dumps(found(*given, **named)))

        return super().submit(work)


def test_shards_and_helpers_make_what_one_makes(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    voxlate.translate(trained, phantom_cohort, out=tmp_path / "one")
    expected = images(tmp_path / "one")
    assert len(expected) == 6
    for part in ("1/2", "2/2"):
        with only(part):
            voxlate.translate(trained, phantom_cohort, out=tmp_path / "shards")
    assert images(tmp_path / "shards") == expected
    assert len(statuses(tmp_path / "shards", "manifest-shard-1-of-2.csv")) == 3
    with Packing(2) as pool, helped_by(pool):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "shards")
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "helped")
    assert {status for _, status in statuses(tmp_path / "shards")} == {"skipped"}
    assert images(tmp_path / "helped") == expected
    assert statuses(tmp_path / "helped") == statuses(tmp_path / "one"), "in the order of the cases"
    assert (tmp_path / "shards" / "completed.csv").is_file()


def test_what_verbs_hand_out_can_be_sent(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    """Preflight, preparation and the scoring of cases, whose results are those of this process."""
    candidate, cohort = load_candidate(trained, phantom_cohort)
    few = replace(cohort, cases=cohort.cases[:2])
    labelling = labelling_of(few.cases, reading=candidate.plan.reading)
    scored = partial(score, candidate, few.cases, labelling=labelling, options=FidelityOptions(), report=silent)
    scored(tmp_path / "alone")
    found = preflight(few)
    store = PreparedStore(tmp_path / "prepared", candidate.plan, ["t1", "t2"])
    with Packing(2) as pool, helped_by(pool):
        scored(tmp_path / "sent")
        assert preflight(few) == found
        assert spread(store.prepare, [[case] for case in few.cases]) == [None, None]
    assert (tmp_path / "sent" / "scores.csv").read_bytes() == (tmp_path / "alone" / "scores.csv").read_bytes()
    assert all(case.id in store for case in few.cases)


def _work_or_die(item: int, *, folder: Path) -> int:
    """Of the worker that gets item 3 first, nothing more is heard."""
    mark = folder / "died"
    logging.getLogger("voxlate.test").warning("item %d", item)
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 10


def test_the_items_of_a_killed_worker_are_done_by_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with cluster("local:2"):
        assert spread(partial(_work_or_die, folder=tmp_path), range(8)) == [item * 10 for item in range(8)]
    assert (tmp_path / "died").exists()
    assert "item 7" in caplog.text, "what a worker warns of is told here"


def test_what_is_no_cluster_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with pytest.raises(UsageError, match="local:4 for four processes"), cluster("four"):
        pass
    (tmp_path / "batch.yaml").write_text("cores: 4\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"dask-jobqueue|one section"), cluster(str(tmp_path / "batch.yaml")):
        pass
