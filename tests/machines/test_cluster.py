"""A cluster's workers: one that is killed has its cases done by others, and nothing is done twice."""

from __future__ import annotations

import csv
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cloudpickle
import pytest

import voxlate
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.cohort.preflight.checks import preflight
from voxlate.errors import PartDoneError, UsageError
from voxlate.evaluation import cases as evaluation
from voxlate.evaluation.candidates import load_candidate
from voxlate.io import file_digest
from voxlate.machines.cluster import cluster
from voxlate.machines.shard import Shard, only, own_shard
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import silent
from voxlate.progress.spreading import each_done, helped_by, helpers, spread
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

    with ThreadPoolExecutor(2) as pool, helped_by(pool, lambda: 2):
        made = dict(each_done(work, range(4)))
        assert sorted(made) == [0, 1, 2, 3]
        assert isinstance(made[2].exception(), ValueError)
        assert spread(partial(pow, 2), range(5)) == [1, 2, 4, 8, 16]
        with pytest.raises(ValueError, match="two"):
            spread(work, range(4))


def test_an_item_that_depends_on_others_is_asked_for_when_there_is_somebody_to_do_it() -> None:
    done: list[int] = []

    def items() -> Iterator[int]:
        for item in range(6):
            assert len(done) >= item - 1, "two at once"
            yield item

    assert helpers() == 0
    with ThreadPoolExecutor(4) as pool, helped_by(pool, lambda: 2):
        assert helpers() == 2
        done.extend(number for number, _ in each_done(str, items(), ahead=helpers))
    assert sorted(done) == list(range(6))


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
    with Packing(2) as pool, helped_by(pool, lambda: 2):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "shards")
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "helped")
    assert {status for _, status in statuses(tmp_path / "shards")} == {"skipped"}
    assert images(tmp_path / "helped") == expected
    assert statuses(tmp_path / "helped") == statuses(tmp_path / "one"), "in the order of the cases"
    assert (tmp_path / "shards" / "completed.csv").is_file()


def test_what_verbs_hand_out_can_be_sent_and_scored_in_parts(
    trained: Path, phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preflight, preparation and the scoring of cases, whose results are those of this process."""
    candidate, cohort = load_candidate(trained, phantom_cohort)
    few = replace(cohort, cases=cohort.cases[:2])
    labelling = labelling_of(few.cases, reading=candidate.plan.reading)
    scored = partial(score, candidate, few.cases, labelling=labelling, options=FidelityOptions(), report=silent)
    scored(tmp_path / "alone")
    for part in ("1/2", "2/2"):
        with only(part), pytest.raises(PartDoneError, match=f"part {part}: 1 of 1 case scored"):
            scored(tmp_path / "parts")
    with monkeypatch.context() as nothing_is_measured:
        nothing_is_measured.setattr(evaluation, "compare_case", None)
        scored(tmp_path / "parts")
    found = preflight(few)
    store = PreparedStore(tmp_path / "prepared", candidate.plan, ["t1", "t2"])
    with Packing(2) as pool, helped_by(pool, lambda: 2):
        scored(tmp_path / "sent")
        assert preflight(few) == found
        assert spread(store.prepare, [[case] for case in few.cases]) == [None, None]
    for made in ("sent", "parts"):
        assert (tmp_path / made / "scores.csv").read_bytes() == (tmp_path / "alone" / "scores.csv").read_bytes()
    assert all(case.id in store for case in few.cases)


def _work_or_die(item: int, *, folder: Path) -> int:
    """Of the worker that gets item 3 first, nothing more is heard."""
    mark = folder / "died"
    logging.getLogger("voxlate.test").warning("item %d", item)
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 10


def test_the_items_of_a_killed_worker_are_done_by_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with cluster("local:2"):
        assert helpers() == 2
        monkeypatch.chdir(tmp_path)  # where the command is given, workers find what it names
        assert spread(partial(_work_or_die, folder=Path()), range(8)) == [item * 10 for item in range(8)]
    assert (tmp_path / "died").exists()
    assert "item 7" in caplog.text, "what a worker warns of is told here"


def test_what_is_no_cluster_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with pytest.raises(UsageError, match="local:4 for four processes"), cluster("four"):
        pass
    (tmp_path / "batch.yaml").write_text("cores: 4\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"dask-jobqueue|one section"), cluster(str(tmp_path / "batch.yaml")):
        pass


def test_a_part_of_an_evaluation_says_what_comes_next(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    with only("9/9"):
        part = voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "evaluation")
        assert part.sentence.startswith("Part 9/9: 0 of 0 cases scored. When all parts are")
        with pytest.raises(UsageError, match="aspect is fidelity"):
            voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "sets", aspects="distribution")


def test_a_check_in_parts_leaves_the_whole_little_to_do(phantom_cohort: Path, tmp_path: Path) -> None:
    with only("1/2"), pytest.raises(UsageError, match="--keep run"):
        voxlate.check(phantom_cohort)
    data, counts = tmp_path / "two", []
    for case in sorted(path for path in phantom_cohort.iterdir() if path.is_dir())[:2]:
        shutil.copytree(case, data / case.name)
    for part in ("1/2", "2/2", "1/1"):
        with only(part):
            found = voxlate.check(data, keep=tmp_path / "run")
        counts.append((len(found.rows), len(list((tmp_path / "run").rglob("*.json")))))
    assert [rows for rows, _ in counts] == [1, 1, 2]
    assert counts[2][1] - counts[1][1] <= 1, "what all cases are together"


class _Jobs:
    """A batch system's cluster, as dask-jobqueue has them, whose jobs are threads of this process."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **options: Any) -> None:
        from distributed import LocalCluster

        self.asked.append(options)
        here = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
        self.local = LocalCluster(n_workers=0, threads_per_worker=1, processes=False, **here)

    def __enter__(self) -> Any:
        started = self.local.__enter__()
        scale = started.adapt
        started.adapt = lambda *, minimum_jobs, maximum_jobs: scale(minimum=minimum_jobs, maximum=maximum_jobs)
        return started

    def __exit__(self, *told: object) -> None:
        self.local.__exit__(*told)


def test_a_file_describes_jobs_of_a_batch_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=_Jobs))
    (tmp_path / "slurm.yaml").write_text("slurm: {cores: 4, processes: 2, memory: 8GB, jobs: 1}\n", encoding="utf-8")
    with cluster(str(tmp_path / "slurm.yaml")):
        assert helpers() == 2
        assert spread(partial(pow, 2), range(4)) == [1, 2, 4, 8]
    assert _Jobs.asked == [{"cores": 4, "processes": 2, "memory": "8GB"}]
