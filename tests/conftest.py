"""Fixtures that every suite shares: the phantom stands for data, the real scans are used in place."""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.examples import alone
from tests.silence import Heard
from tests.training_tests import trains


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """What is imported and collected stays: nobody looks for garbage in it, now or later."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage, which is looked for seldom: figures alone make many objects."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that train; their modules come first, which are the long ones."""
    training = set()
    for item in items:
        if trains(item):
            item.add_marker(pytest.mark.trains)
            training.add(item.path)
    items.sort(key=lambda item: item.path not in training)


class _ByModuleOrPage(LoadScopeScheduling):
    """A module stays on one worker, which its fixtures need; pages of the documentation are shared out one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "::test_examples_run[" in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Shares out tests under ``--dist loadscope``."""
    return _ByModuleOrPage(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans beside the checkout, or the one that VOXLATE_REAL_DATA names."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("VOXLATE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real scans are absent: put them at ../shared/data or set VOXLATE_REAL_DATA")
    return folder


SMALL = {
    "method.network.widths": [8, 16],
    "training.epochs": None,
    "training.steps": 12,
    "training.batch_size": 2,
    "training.validate_every": 6,
    "training.checkpoint_every": 4,
    "training.precision": "fp32",
}
"""Overrides that make the first paper's recipe train in seconds."""


@pytest.fixture(scope="session")
def heard() -> Heard:
    """What hears of every name that is looked up in this process, and of every host that is reached."""
    listening = Heard(None)
    listening.listen()
    return listening


@pytest.fixture(autouse=True)
def silent(heard: Heard) -> Iterator[None]:
    """No test looks a name up but this machine's, or reaches another: whatever it calls is silent."""
    before = len(heard.told)
    yield
    assert heard.told[before:] == []


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Nothing waits for the disk, since no test pulls the plug; those of atomic files count the calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def by_torch() -> Iterator[None]:
    """Torch computes: to export each small model of a test takes longer than to apply it. Those of runtimes differ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXLATE_RUNTIME", "torch")
        yield


@pytest.fixture(scope="session", autouse=True)
def coarse_figures() -> Iterator[None]:
    """Figures of few dots, which no test counts; their sizes are in mm, so that they are laid out as ever."""
    from voxlate.reporting.drawing import canvas

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "DPI", 60)
        yield


@pytest.fixture
def coarse_reconstructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few iterations for what a network of style transfer keeps: a hundred for each of its pictures take seconds."""
    from voxlate.methods.style_transfer.reconstruction import reconstruct

    monkeypatch.setitem(reconstruct.__kwdefaults__, "steps", 3)


@pytest.fixture(scope="session", autouse=True)
def measured_once() -> Iterator[Callable[..., Any]]:
    """What the preflight measures of the same files, by the key that it keeps measurements by, is measured once.

    Many tests train on one cohort, and each would look at all of it again. A folder that keeps them is filled as ever.
    Gives the method that measures, for tests of what is kept.
    """
    from voxlate.cohort.preflight.kept import Kept
    from voxlate.plainyaml import Json

    measured: dict[tuple[str, ...], str] = {}
    recall = Kept.recall

    def recall_here(kept: Kept, what: str, of: Sequence[str], measure: Callable[[], Json]) -> Json:
        def once() -> Json:
            if (what, *of) not in measured:
                measured[what, *of] = json.dumps(measure())
            return dict(json.loads(measured[what, *of]))

        return recall(kept, what, of, once)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kept, "recall", recall_here)
        yield recall


@pytest.fixture
def measured_anew(measured_once: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of files but what a folder keeps."""
    from voxlate.cohort.preflight.kept import Kept

    monkeypatch.setattr(Kept, "recall", measured_once)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all workers."""
    root = tmp_path_factory.getbasetemp()
    folder = (root if worker_id == "master" else root.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def people_drawn_once(shared_folder: Path) -> Iterator[Callable[..., Any]]:
    """A person of a phantom cohort, by all that decides how they are drawn, is drawn once for all tests and workers.

    Pages of the documentation and commands draw the same ones again and again; folders are written as ever. Gives the
    function that draws, for tests of what a seed decides.
    """
    from voxlate.phantoms import cohort

    simulate = cohort.simulate_case

    def simulate_here(**options: Any) -> Any:
        place = shared_folder / "people" / f"{sha256(repr(sorted(options.items())).encode()).hexdigest()}.pickle"
        with alone(place.with_suffix(".lock")):
            if not place.is_file():  # and whole: a program that draws may be killed
                made = place.with_suffix(".part")
                made.write_bytes(pickle.dumps(simulate(**options)))
                made.rename(place)
        return pickle.loads(place.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cohort, "simulate_case", simulate_here)
        yield simulate


@pytest.fixture(scope="session")
def drawn_once(shared_folder: Path) -> Callable[..., Path]:
    """Draws phantoms, once for all tests and workers that ask for the same ones; who changes them takes a copy."""
    import voxlate

    def draw(**options: Any) -> Path:
        name = "-".join(re.sub(r"\W+", "_", f"{key}_{value}") for key, value in sorted(options.items()))
        folder = shared_folder / "phantom" / name / "cohort"
        with alone(folder.with_suffix(".lock")):
            voxlate.phantom(folder, **options)  # which leaves what is finished as it is
        return folder

    return draw


@pytest.fixture(scope="session")
def phantom_cohort(drawn_once: Callable[..., Path]) -> Path:
    """Six phantom heads of 32^3 with t1, t1c, t2, flair, labels and attributes."""
    return drawn_once(cases=6, seed=1, size=32)


@pytest.fixture(scope="session")
def trained(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the first paper's recipe, a few steps long, on the phantom cohort."""
    import voxlate
    from voxlate.verbs import resolve_recipe

    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "training.figure_every": 6})
    return voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture(scope="session")
def evaluated_run(trained: Path, phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an evaluation of that run says of the case that it has not seen."""
    import voxlate

    return voxlate.evaluate(trained, phantom_cohort, out=tmp_path_factory.mktemp("evaluated-run") / "evaluation")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Sums differ in their last digit with the number of threads; a program that is killed has one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def coarse_template() -> Iterator[None]:
    """A coarser template for what is laid over each other, which is enough for shapes that are drawn for a test."""
    from voxlate.evaluation.privacy import placing, template

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template, "_SIDE", 20)
        patch.setattr(placing, "_ROUNDS", 1)
        yield


@pytest.fixture
def undeclared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The contrasts of the catalogue alone, before a test and after it; no file of a user declares any."""
    from voxlate import contrast

    def take_back() -> None:
        contrast._DECLARED.clear()
        contrast.CONTRASTS.clear()
        contrast.CONTRASTS.update({one.name: one for one in contrast._TABLE})
        contrast._BY_ALIAS.clear()
        aliases = {contrast._key(alias): one for one in contrast._TABLE for alias in (one.name, *one.aliases)}
        contrast._BY_ALIAS.update(aliases)

    take_back()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    contrast._declared_by_user.cache_clear()
    yield
    contrast._declared_by_user.cache_clear()
    take_back()


@pytest.fixture
def drawn_anew(people_drawn_once: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is remembered: people are drawn again, whoever else has asked for them."""
    from voxlate.phantoms import cohort

    monkeypatch.setattr(cohort, "simulate_case", people_drawn_once)
