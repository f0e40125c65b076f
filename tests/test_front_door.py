"""The front door: what ``import voxlate`` offers, to a reader, to a type checker, and to code written before."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import voxlate

ROOT = Path(__file__).parent.parent
CLIENT = """
from pathlib import Path

import voxlate

recipe: voxlate.Recipe = voxlate.resolve_recipe("avula2020-t1-to-t2", overrides={"training.minutes": 5})
assert recipe == voxlate.load_recipe("avula2020-t1-to-t2").with_overrides({"training.minutes": 5})


def translated(case: voxlate.Case, contrast: voxlate.Contrast) -> voxlate.Volume:
    volume = voxlate.read_volume(case.paths[contrast.name], contrast=contrast)
    written: Path = voxlate.write_volume(volume, "copy.nii.gz")
    return voxlate.read_volume(written)


def target_of(path: Path) -> str:
    try:
        return voxlate.load_model(path).target
    except voxlate.BundleError as error:
        raise SystemExit(error.exit_code) from error
    except voxlate.VoxlateError:
        return voxlate.__version__


def sizes(cohort: voxlate.Cohort) -> int:
    return len(cohort.cases)


run: Path = voxlate.train("cohort", recipe=recipe, out="run")
sentence: str = voxlate.evaluate(run, "cohort", out="evaluation").sentence
tried: Path = voxlate.train("cohort", source="t1", target="t2", minutes=5, progress=False)
made: voxlate.Volume = voxlate.load_model(tried).translate(voxlate.read("t1.nii.gz", contrast="t1"))
error: float = voxlate.score(made, "t2.nii.gz")["mae"]
added: dict[str, tuple[str, ...]] = dict(voxlate.load_plugin("mine.py").adds)
"""

DOCUMENTED = {
    "voxlate": """ablate check compare demo evaluate forecast info phantom synthesize train translate tune""",
    "voxlate.verbs": """Checked Demonstrated ablate check compare demo evaluate forecast info phantom resolve_recipe
        searched_with switched_off synthesize train translate tune""",
    "voxlate.errors": """VoxlateError UsageError ReadError GeometryError WriteError LockedError CohortError BundleError
        SegmenterError TrainingError StoppedError""",
    "voxlate.volume": "Grid Volume extent",
    "voxlate.contrast": "Contrast get_contrast find_contrast",
    "voxlate.io": "Provenance read_volume read_grid write_volume read_provenance file_digest",
    "voxlate.cohort": "index_cohort Case Cohort",
    "voxlate.config": "load_recipe Recipe Reading",
    "voxlate.evaluation.gamma": "gamma_pass_rate",
    "voxlate.evaluation.tables": "read_scores",
    "voxlate.evaluation.density": "ELECTRON_DENSITY MASS_DENSITY",
    "voxlate.phantoms": "PhantomOptions acquire draw_spins from_labels",
    "voxlate.phantoms.acquisition": "draw_coil",
    "voxlate.reporting.distribution": "evaluate_distribution",
    "voxlate.losses.border": "border_weights",
}
"""What the pages named when the modules moved to where they are now."""


@pytest.mark.parametrize("module", DOCUMENTED)
def test_what_was_documented_is_where_it_was(module: str) -> None:
    offered = import_module(module)
    assert [name for name in DOCUMENTED[module].split() if not hasattr(offered, name)] == []


def test_an_old_place_gives_the_same_objects() -> None:
    from voxlate.evaluation import files

    assert import_module("voxlate.evaluation.tables").read_scores is files.read_scores
    with pytest.raises(ModuleNotFoundError, match=r"voxlate\.evaluation\.nowhere"):
        import_module("voxlate.evaluation.nowhere")


def test_every_name_can_be_had_and_is_shown() -> None:
    assert list(voxlate.__all__) == sorted(voxlate.__all__)
    assert [name for name in voxlate.__all__ if getattr(voxlate, name, None) is None] == []
    assert set(voxlate.__all__) <= set(dir(voxlate))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(voxlate, "trian")  # noqa: B009  (the checker knows that it is not there)


def test_every_error_is_at_the_front_door() -> None:
    from voxlate import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [kind for kind in kinds if getattr(voxlate, kind.__name__, None) is not kind] == []


def test_import_loads_nothing_but_itself() -> None:
    program = (
        "import json, sys\nbefore = set(sys.modules)\nimport voxlate\ndir(voxlate)\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in json.loads(printed)}
    assert loaded - set(sys.stdlib_module_names) == {"voxlate"}


def test_a_client_passes_a_strict_type_checker(tmp_path: Path) -> None:
    """The package is typed for whoever uses it: each line of the client is checked, and a wrong one is found."""
    wrong = 'voxlate.trian("cohort")\nvoxlate.resolve_recipe(3)\nnumber: int = voxlate.read_volume("t1.nii")\n'
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(f"import voxlate\n\n{wrong}", encoding="utf-8")
    # The project's own settings, so that what ``make lint`` has kept of the package serves here too.
    command = [sys.executable, "-m", "mypy", tmp_path / "client.py", tmp_path / "wrong.py"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    complaints = re.findall(r"(client|wrong)\.py:(\d+): error: (.+)", checked.stdout)
    assert [(file, line) for file, line, _ in complaints] == [("wrong", "3"), ("wrong", "4"), ("wrong", "5")], (
        complaints
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: voxlate.check(5), r"check\(data=\): expected a path, got a int"),
        (lambda: voxlate.evaluate("run", None, out="x"), r"evaluate\(data=\): expected a path, got a NoneType"),
        (lambda: voxlate.info(["x"]), r"info\(what=\): expected a path, got a list"),
        (lambda: voxlate.register("a.nii", 3, out="b.nii"), r"register\(fixed=\): expected a path, got a int"),
        (lambda: voxlate.read((np.eye(4), np.eye(4)), contrast=5), "expected the name of a contrast, got a int"),
        (lambda: voxlate.read("."), "expected"),
    ],
)
def test_what_is_no_path_or_name_is_refused_in_words(call: Callable[[], object], said: str) -> None:
    with pytest.raises(voxlate.VoxlateError, match=said):
        call()
