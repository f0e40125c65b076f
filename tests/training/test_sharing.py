"""A preparation that is shared out over jobs, and the training that comes after them."""

from __future__ import annotations

from pathlib import Path

import pytest

import voxlate
from voxlate.machines.shard import only
from voxlate.preprocess.store import PreparedStore
from voxlate.training.setup import begin
from voxlate.verbs import resolve_recipe


def test_a_training_takes_over_what_shards_have_prepared(
    phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = {"training.epochs": None, "training.steps": 1, "training.figure_at": []}
    recipe = resolve_recipe("t1-to-t2-fcn", overrides={**brief, "method.network.widths": [4, 8]})
    run = tmp_path / "run"
    made = []
    for part in ("1/2", "2/2", "2/2"):
        with only(part):
            assert voxlate.train(phantom_cohort, recipe=recipe, out=run) == run
        made.append(len(list(run.rglob("case.json"))))
    assert 0 < made[0] < made[1] == made[2]
    monkeypatch.setattr(PreparedStore, "_build", None)  # nothing is prepared, read or looked at again
    monkeypatch.setattr(begin, "take_fingerprint", None)
    voxlate.train(phantom_cohort, recipe=recipe, out=run)
    assert (run / "bundle").is_dir()
