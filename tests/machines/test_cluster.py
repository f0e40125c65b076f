"""A cluster's workers: one that is killed has its cases done by others, and nothing is done twice."""

from __future__ import annotations

import csv
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import voxlate
from voxlate.errors import UsageError
from voxlate.io import file_digest
from voxlate.machines.cluster import cluster
from voxlate.machines.shard import Shard, read_shard
from voxlate.progress.spreading import each_done, helped_by, spread
from voxlate.training.run import RunFolder
from voxlate.verbs import resolve_recipe
from voxlate.workflows import fidelity  # noqa: F401  so that threads do not import it side by side


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
    assert read_shard("2/3") == Shard(2, 3)
    assert sorted(item for number in (1, 2, 3) for item in Shard(number, 3).of_all(range(7))) == list(range(7))
    for words in ("0/3", "4/3", "2", "a/b"):
        with pytest.raises(UsageError, match="1/10"):
            read_shard(words)


def test_shards_and_helpers_make_what_one_makes(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    voxlate.translate(trained, phantom_cohort, out=tmp_path / "one")
    expected = images(tmp_path / "one")
    assert len(expected) == 6
    for part in ("1/2", "2/2"):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "shards", shard=part)
    assert images(tmp_path / "shards") == expected
    assert len(statuses(tmp_path / "shards", "manifest-shard-1-of-2.csv")) == 3
    with ThreadPoolExecutor(2) as pool, helped_by(pool):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "shards")
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "helped")
    assert {status for _, status in statuses(tmp_path / "shards")} == {"skipped"}
    assert images(tmp_path / "helped") == expected
    assert statuses(tmp_path / "helped") == statuses(tmp_path / "one"), "in the order of the cases"
    assert (tmp_path / "shards" / "completed.csv").is_file()


def _work_or_die(item: int, *, folder: Path) -> int:
    """Of the worker that gets item 3 first, nothing more is heard."""
    mark = folder / "died"
    logging.getLogger("voxlate.test").warning("item %d", item)
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 10


def test_a_killed_worker_is_replaced_and_the_verbs_share_their_cases_out(
    trained: Path, phantom_cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    voxlate.translate(trained, phantom_cohort, out=tmp_path / "one")
    scored = voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "scored", split="all")
    with cluster("local:2"):
        assert spread(partial(_work_or_die, folder=tmp_path), range(8)) == [item * 10 for item in range(8)]
        assert (tmp_path / "died").exists()
        assert "item 7" in caplog.text, "what a worker warns of is told here"
        made = voxlate.translate(trained, phantom_cohort, out=tmp_path / "many")
        shared = voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "shared", split="all")
        found = voxlate.check(phantom_cohort)
        recipe = resolve_recipe("t1-to-t2-fcn", overrides={"training.steps": 1, "training.epochs": None})
        voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
    assert [one.status for one in made] == ["done"] * 6
    assert images(tmp_path / "many") == images(tmp_path / "one")
    for name in ("scores.csv", "summary.json"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "scored" / name).read_bytes()
    assert shared.sentence == scored.sentence
    assert found.findings == voxlate.check(phantom_cohort).findings
    assert RunFolder(tmp_path / "run").bundle.is_dir()


def test_what_is_no_cluster_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with pytest.raises(UsageError, match="local:4 for four processes"), cluster("four"):
        pass
    (tmp_path / "batch.yaml").write_text("cores: 4\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"dask-jobqueue|one section"), cluster(str(tmp_path / "batch.yaml")):
        pass
