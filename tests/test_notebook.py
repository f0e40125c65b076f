"""The notebook of the documentation runs, cell after cell, and shows what it says."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from voxlate import Volume, load_model
from voxlate.verbs import resolve_recipe

NOTEBOOK = Path(__file__).parent.parent / "docs" / "learn" / "notebook.ipynb"
SMALL = {
    "cases=10, seed=1, size=64": "cases=4, seed=1, size=24",
    "size=64": "size=24",
    "minutes=5": 'overrides={"training.steps": 2, "training.batch_size": 2, "method.network.channels": [4, 8]}',
}


def _cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _shown(cell: str, names: dict[str, Any]) -> Any:
    """Runs a cell as a kernel does: what its last line gives is shown."""
    for large, small in SMALL.items():
        cell = cell.replace(large, small)
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)  # noqa: S102  the project's own notebook
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names) if last else None  # noqa: S307


def test_every_cell_runs_and_shows_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert "voxlate.train(" in "".join(_cells())
    shown = [_shown(cell, names) for cell in _cells()]
    kinds = ["" if one is None else "png" if hasattr(one, "_repr_png_") else "html" for one in shown]
    assert kinds == ["", "png", "png", "", "html", "html", "png"]
    for one, kind in zip(shown, kinds, strict=True):
        assert kind != "png" or one._repr_png_().startswith(b"\x89PNG")
        assert kind != "html" or "<table>" in one._repr_html_()
    assert isinstance(names["t2"], Volume)
    assert names["t2"].is_synthetic
    assert names["run"] == Path("runs/t1-to-t2")
    assert repr(names["model"]) == "Model(t1 to t2, runs/t1-to-t2/bundle)"
    recipe = load_model(names["run"]).bundle.recipe
    assert recipe.loss == resolve_recipe("zhao-unet-2d").loss
    assert {path.name for path in names["result"].out.iterdir()} >= {"report.html", "figures"}


def test_the_notebook_is_kept_without_outputs_and_the_page_shows_its_lines() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert not re.search(r"/(home|root|work|content)/", NOTEBOOK.read_text(encoding="utf-8"))
    pages = [NOTEBOOK.with_name(name).read_text(encoding="utf-8") for name in ("notebook.md", "three-ways.md")]
    [lines], [same] = (re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL) for page in pages)
    assert lines == same
    assert lines.strip() in [cell.strip() for cell in _cells()]
    assert len(lines.strip().splitlines()) - lines.count("\n\n") == 5
