"""What holds for every study: each of its steps can be lost and done again without the ones before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.workflows.test_fidelity import contents
from voxlate.cohort import Case
from voxlate.errors import StoppedError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.training.studies import variants
from voxlate.workflows import ablation, comparison

Run = Callable[[], object]


@contextmanager
def idle() -> Iterator[pytest.MonkeyPatch]:
    """No training and no prediction."""

    def work(*_: object, **__: object) -> None:
        pytest.fail("something was trained or predicted again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelCandidate, "predict", work)
        patch.setattr(variants, "train_run", work)
        yield patch


def check_goes_on_between_steps(run: Run, out: Path) -> None:
    """A study that was killed before its summary, and before its page, goes on with that from what lies on disk."""
    before = contents(out)
    for path in (*(out / "figures").iterdir(), out / "report.html", out / "summary.json", out / "scores.csv"):
        path.unlink()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for step, lost in (("write_summary", "summary.json"), ("publish", "report.html")):
        with idle() as patch:
            for module in (ablation, comparison):
                patch.setattr(module, step, killed)
            with pytest.raises(KeyboardInterrupt):
                run()
        assert not (out / lost).exists()
    with idle():
        run()
    assert contents(out) == before


def check_goes_on_while_it_scores(run: Run, out: Path) -> None:
    """A study that was killed while it scores a run of two cases keeps the one that is done."""
    predicted = list[str]()
    predict = ModelCandidate.predict
    kept = next(out.glob("*/seed-0/held-out-*.csv"))
    for path in (kept, *(kept.parent / "evidence").iterdir()):
        path.unlink()

    def counted(self: ModelCandidate, case: Case) -> object:
        predicted.append(case.id)
        if len(predicted) == 2:
            raise KeyboardInterrupt
        return predict(self, case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelCandidate, "predict", counted)
        with pytest.raises(StoppedError):
            run()
        assert not kept.exists()
        run()
    first, second, *again = predicted
    assert first != second
    assert again[0] == second, "the first is kept"
    assert len(again) == 2, "and one of the two is predicted for its picture"
