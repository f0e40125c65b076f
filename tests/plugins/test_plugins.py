"""Plugins: what they add, what is refused, what a run keeps of them, and that nothing is run that nobody named."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import voxlate
from tests.conftest import SMALL
from tests.plugins.parts import forget, plugins_apart, write_plugin
from voxlate.config.catalogue import pick
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.evaluation.evidence import question_of
from voxlate.losses import LOSSES, WeightedLoss, of_images
from voxlate.methods.build import rehearse_learner
from voxlate.methods.segmentation import segmentation
from voxlate.metrics import METRICS, metrics_of
from voxlate.networks import NETWORKS
from voxlate.plugins import recall, record, trust
from voxlate.training.setup import probe
from voxlate.training.setup.memory import ProbeAnswer, ProbeRequest
from voxlate.verbs import resolve_recipe

_RECORD = "plugins.json"


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path) -> Iterator[None]:
    with plugins_apart(tmp_path / "state"):
        yield


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return write_plugin(tmp_path / "my_nets.py")


def _recipe() -> voxlate.Recipe:
    return resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "method.network": {"name": "tiny", "width": 3}})


def test_a_file_adds_to_the_catalogues(plugin: Path) -> None:
    found = voxlate.load_plugin(plugin)
    assert found.adds == {"NETWORKS": ("tiny",)}
    assert rehearse_learner(_recipe()).describe()["network"].startswith("34 ")  # type: ignore[union-attr]
    assert voxlate.load_plugin(plugin) is found, "what is there is not run again"
    write_plugin(plugin, name="other")
    voxlate.load_plugin(plugin)
    assert ("other" in NETWORKS, "tiny" in NETWORKS) == (True, False), "a changed file replaces its own"


def test_a_loss_says_itself_that_it_compares_segmentations(tmp_path: Path) -> None:
    body = "(prediction.sigmoid() - target).square().mul(mask).sum() / mask.sum().clamp(min=1)"
    (tmp_path / "brier.py").write_text(
        "def brier(*, dims, data_range):\n"
        f"    return lambda prediction, target, mask, *, labels=None: {body}\n\n\n"
        'brier.segments = True\nLOSSES = {"brier": brier}\n'
    )
    voxlate.load_plugin(tmp_path / "brier.py")
    network = Choice.model_validate({"name": "unet", "channels": [2, 4]})
    context = {"dims": 2, "source_channels": 1, "target_channels": 1, "data_range": 1.0}
    assert segmentation(loss={"brier": 1}, network=network, **context).segments
    with pytest.raises(UsageError, match=r"Of segmentations are .*brier.*keep these or the others"):
        WeightedLoss({"brier": 1, "l1": 1}, dims=2, data_range=1.0)
    with pytest.raises(UsageError, match="losses of images"):
        of_images({"brier": 1}, dims=2, data_range=1.0)


def test_a_module_adds_to_the_catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "names.py").write_text('NAME = "tiny"\n')
    write_plugin(package / "nets.py")
    with (package / "nets.py").open("a") as file:
        file.write("from .names import NAME\n\nassert NAME in NETWORKS\n")
    monkeypatch.syspath_prepend(tmp_path)
    voxlate.load_plugin("my_package.nets")
    assert pick(NETWORKS, "tiny", what="network").__module__ == "my_package.nets"
    assert os.environ["VOXLATE_PLUGINS"] == "my_package.nets"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NETWORKS = {'unet': lambda *, dims, in_channels, out_channels: None}", "new names in NETWORKS, got unet"),
        ("NETWORKS = {'mine': lambda *, dims: None}", "without in_channels, out_channels"),
        ("LOSSES = {'mine': 3}", "got a int"),
        ("LOSSES = {'my loss': lambda *, dims, data_range: None}", "the name 'my loss'"),
        ("METRICS = {'mine': max}", r"a voxlate\.metrics\.Metric, got a builtin"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("NETWORK = {}", "none of the lists"),
    ],
)
def test_what_is_no_plugin_is_refused_and_leaves_nothing(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(text)
    before = set(NETWORKS), set(LOSSES), set(METRICS)
    with pytest.raises(UsageError, match=words):
        voxlate.load_plugin(tmp_path / "wrong.py")
    assert (set(NETWORKS), set(LOSSES), set(METRICS)) == before


@pytest.mark.parametrize("what", ["absent.py", "absent_module", "absent/nets.py"])
def test_a_plugin_that_is_not_there_is_told(what: str) -> None:
    with pytest.raises(UsageError, match="a plugin: a Python file, or a module"):
        voxlate.load_plugin(what)


def test_the_command_line_loads_what_the_environment_names(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from voxlate.cli import app

    monkeypatch.setenv("VOXLATE_PLUGINS", str(plugin))
    ended = CliRunner().invoke(app, ["train", "nowhere", "--recipe", "absent", "--out", "run"])
    assert "absent" in str(ended.exception)
    assert "tiny" in NETWORKS


def test_an_unknown_name_tells_of_plugins() -> None:
    with pytest.raises(UsageError, match=r"name the plugin that brings it: --plugin FILE"):
        rehearse_learner(_recipe())


def test_a_run_loads_again_what_it_was_made_with(plugin: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    voxlate.load_plugin(plugin)
    record(run, _recipe())
    forget()
    recall(run)
    assert "tiny" in NETWORKS
    record(run, resolve_recipe("avula2020-t1-to-t2"))
    assert not (run / _RECORD).exists(), "a run that needs none keeps none"


@pytest.mark.parametrize("fault", ["gone", "changed", "never named"])
def test_nothing_is_run_that_this_user_has_not_named_as_it_is(fault: str, plugin: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    voxlate.load_plugin(plugin)
    record(run, _recipe())
    forget()
    if fault == "gone":
        plugin.unlink()
    elif fault == "changed":
        write_plugin(plugin, width=5)
    else:
        trust._file().unlink()
    with pytest.raises(UsageError, match=r"my_nets\.py, which brings tiny.*Name it if you trust it"):
        recall(run)
    assert "tiny" not in NETWORKS


def test_a_plugin_that_is_named_may_be_another_and_that_is_told(
    plugin: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    voxlate.load_plugin(plugin)
    record(run, _recipe())
    forget()
    voxlate.load_plugin(write_plugin(tmp_path / "moved.py", width=5))
    recall(run)
    assert "moved.py is not as it was" in caplog.text


def test_processes_that_are_started_load_it(plugin: Path, monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    """The program that measures a step is a new one: the environment names the plugin."""
    bundle = voxlate.load_model(trained).bundle
    recipe = _recipe().with_overrides({"training.batch_size": 1, "window": {"kind": "patches", "size": [16, 16, 16]}})
    request = ProbeRequest(recipe=recipe, plan=bundle.plan, fingerprint=bundle.fingerprint, cubes=(12,))
    voxlate.load_plugin(plugin)
    forget(started=True)
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(request.model_dump_json()))
    monkeypatch.setattr(sys, "stdout", said)
    probe.main()
    answer = ProbeAnswer.model_validate_json(said.getvalue())
    assert (answer.refusal, len(answer.peaks)) == (None, 1)
    assert os.environ["VOXLATE_PLUGINS"] == str(plugin)


def test_a_model_of_a_plugin_from_training_to_another_hand(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voxlate.cli import main

    cohort = voxlate.phantom(tmp_path / "heads", cases=3, seed=1, size=24, contrasts=["t1", "t2"])
    scan = next(cohort.rglob("*-t1n.nii.gz"))
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    voxlate.load_plugin(plugin)
    recipe = _recipe().with_overrides({"training.steps": 1, "training.figure_every": 1000})
    voxlate.train(cohort, recipe=recipe, out=run)
    assert "Needs the plugin my_nets.py, SHA-256 " in (run / "bundle" / "MODEL_CARD.md").read_text()
    [kept] = json.loads((run / _RECORD).read_text())["plugins"]
    assert (kept["named"], kept["adds"]) == (str(plugin), {"NETWORKS": ["tiny"]})
    made = voxlate.load_model(run).translate(scan)
    forget()
    assert (voxlate.load_model(run).translate(scan).array == made.array).all(), "the run finds it by itself"
    shutil.copytree(run / "bundle", bundle)
    forget()
    with pytest.raises(UsageError, match="name the plugin that brings it"):
        voxlate.load_model(bundle)
    command = ["voxlate", "translate", str(bundle), str(scan), "--out", str(tmp_path / "t2.nii.gz")]
    monkeypatch.setattr(sys, "argv", [*command, "--plugin", str(plugin)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert (voxlate.read_volume(tmp_path / "t2.nii.gz").array == made.array).all()


def test_installed_packages_offer_entries(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        metadata.EntryPoint("tiny", "my_nets:tiny", "voxlate.networks"),
        metadata.EntryPoint("broken", "my_nets:absent", "voxlate.networks"),
    ]

    def offered(**wanted: str) -> list[metadata.EntryPoint]:
        return [p for p in points if all(getattr(p, key) == value for key, value in wanted.items())]

    monkeypatch.setattr(metadata, "entry_points", offered)
    assert rehearse_learner(_recipe()).describe()["network"].startswith("34 ")  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="an entry point that can be loaded, got AttributeError"):
        pick(NETWORKS, "broken", what="network")
    with pytest.raises(UsageError, match="the name of a loss"):
        pick(LOSSES, "tiny", what="loss")
    assert Choice.model_validate("tiny").name == "tiny"


def test_a_metric_is_scored_with_the_others(tmp_path: Path) -> None:
    import numpy as np

    asked = question_of("fidelity")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom voxlate.metrics import Metric\n"
        "def worst(prediction, truth, *, mask, data_range):\n    return float(np.abs(prediction - truth)[mask].max())\n"
        "METRICS = {'worst': Metric(worst, kind='voxelwise', title='worst', better='lower', unit_rule='image')}\n"
    )
    voxlate.load_plugin(tmp_path / "mine.py")
    assert list(metrics_of("voxelwise"))[-1] == "worst"
    truth = np.random.default_rng(0).random((8, 8, 8))
    assert voxlate.score(truth + 2, truth, mask=truth > 0.1)["worst"] == pytest.approx(2)
    assert question_of("fidelity") != asked, "scores that were kept before do not have it"
