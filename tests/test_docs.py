"""The documentation says what the code does: examples run, tables are complete, links lead somewhere."""

from __future__ import annotations

import re
import sys
import tomllib
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer
from pydantic import BaseModel

from tests.examples import DOCS, PAGES, ROOT, SMALLER, examples, marks, page_before, run_page
from tests.plugins.parts import plugins_apart
from voxlate import config, derivation
from voxlate._version import __version__
from voxlate.cli import app
from voxlate.plainyaml import parse_yaml
from voxlate.strict import StrictModel

sys.path.insert(0, str(DOCS))
FIRST_LIGHT = DOCS / "learn" / "first-light.md"
RUN_PAGES = sorted(
    (page for page in PAGES if examples(page)), key=lambda page: (page_before(page) is not None, page != FIRST_LIGHT)
)
"""Those that others go on from come first, so that no worker waits for them."""


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def workspace(shared_folder: Path) -> Path:
    return shared_folder / "pages"


@pytest.mark.usefixtures("coarse_reconstructions")
@pytest.mark.parametrize("page", RUN_PAGES, ids=_name)
def test_examples_run(page: Path, workspace: Path, tmp_path: Path) -> None:
    with plugins_apart(tmp_path):
        assert run_page(page, workspace).is_dir()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_mark_has_an_example(page: Path) -> None:
    assert marks(page) == len(examples(page))
    before = page_before(page)
    assert before is None or before.is_file()


def test_every_rule_that_makes_examples_smaller_is_used() -> None:
    text = "".join(example.text for page in PAGES for example in examples(page))
    assert [rule for rule in SMALLER if rule not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_page_is_complete(workspace: Path) -> None:
    """Every path of the page is there after the tutorial, and every file that is there stands in the page."""
    place = run_page(FIRST_LIGHT, workspace)
    left = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    page = (DOCS / "look-up" / "files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", page, re.MULTILINE)
    patterns = {re.sub(r"<\w+>", "*", path): when.strip() for path, when in rows}
    always = [pattern for pattern, when in patterns.items() if when == "always"]
    assert len(always) > 20
    assert [pattern for pattern in always if not any(fnmatch(path, pattern) for path in left)] == []
    assert [path for path in left if not any(fnmatch(path, pattern) for pattern in patterns)] == []


def test_recipe_page_shows_every_model() -> None:
    from tables import SECTIONS

    page = (DOCS / "look-up" / "recipe.md").read_text(encoding="utf-8")
    assert [model for model in SECTIONS if f"{{recipe-fields}} {model}\n" not in page] == []
    assert set(_recipe_models()) == {*SECTIONS, "Choice"}


def test_every_recipe_field_says_what_it_is() -> None:
    """In a short sentence, which the page of recipes, a form or a program can show."""
    fields = {f"{name}.{n}": f for name, model in _recipe_models().items() for n, f in model.model_fields.items()}
    assert len(fields) > 80
    assert [
        name for name, f in fields.items() if not re.fullmatch(r"[^a-z].{8,130}\.|q.*\.", f.description or "")
    ] == []


def _recipe_models() -> dict[str, type[BaseModel]]:
    """Every pydantic model of ``voxlate.config``, and that of a derivation."""
    modules = [import_module(f"voxlate.config.{module.name}") for module in iter_modules(config.__path__)]
    values = [value for module in (*modules, derivation) for value in vars(module).values()]
    models = [value for value in values if isinstance(value, type) and issubclass(value, BaseModel)]
    return {model.__name__: model for model in models if model not in {BaseModel, StrictModel}}


def test_every_recipe_is_recommended_for_something() -> None:
    page = (DOCS / "look-up" / "which-recipe.md").read_text(encoding="utf-8")
    assert [name for name in config.recipe_names() if f"`{name}`" not in page] == []


def test_command_line_page_shows_every_command() -> None:
    page = (DOCS / "look-up" / "command-line.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"{{command}} {name}\n" not in page] == []


@pytest.mark.usefixtures("undeclared")
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_recipes_in_pages_are_valid(page: Path) -> None:
    """A whole recipe stands alone; single sections are laid over a built-in one."""
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        values = parse_yaml(block, where=page)
        base = {} if "name" in values else config.load_recipe("avula2020-t1-to-t2").model_dump(mode="json")
        recipe = config.parse_recipe({**base, **values}, where=page)
        assert recipe.loss


def test_formulas_cover_every_metric_and_loss() -> None:
    from tables import TABLES

    from voxlate.losses import LOSSES
    from voxlate.metrics import METRICS

    page = (DOCS / "look-up" / "metrics-and-losses.md").read_text(encoding="utf-8")
    tables = [
        (name, part) for name, part in re.findall(r"```{(\w+)} ?(\w*)\n", page) if name in {"formulas", "overlaps"}
    ]
    rows = "\n".join(line for name, part in tables for line in TABLES[name](part))
    metrics = [name for name, metric in METRICS.items() if metric.kind != "task"]
    assert [name for name in metrics if not re.search(rf"\| `{name}` \| \S", rows)] == []
    assert [name for name in LOSSES if f"| `{name}` |" not in page] == []


def test_table_of_overlaps_shows_what_empty_maps_give() -> None:
    from metric_tables import overlaps

    rows = {line.split("`")[1]: line for line in overlaps("")[2:]}
    assert rows["dice"].endswith("| n/a | 0 | 0 |")
    assert rows["recall"].endswith("| n/a | 0 | n/a |")
    assert rows["accuracy"].endswith("| 1 | as computed | as computed |")
    assert rows["detection_fp"].endswith("| 0 | 0 | as computed |")


def test_tables_can_be_built() -> None:
    from tables import TABLES

    arguments = {
        "recipe-fields": "Training",
        "formulas": "images",
        "command": "train",
        "catalogue": "LOSSES",
        "catalogue-options": "NETWORKS",
    }
    for name, build in TABLES.items():
        lines = build(arguments.get(name, ""))
        assert sum(line.startswith("|") for line in lines) >= 3, name


def test_third_party_page_names_every_dependency() -> None:
    page = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8").casefold()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [need for needs in project["optional-dependencies"].values() for need in needs]
    names = [re.split(r"[><=\[ ]", need)[0].casefold() for need in (*project["dependencies"], *extras)]
    assert [name for name in names if f"| {name} |" not in page] == []


def test_architecture_is_that_of_the_package() -> None:
    """The floors of the picture are those of the import check; the rooms are its folders, in their own words."""
    from draw_architecture import PAGE, PICTURE, draw, page

    remedy = "run python docs/draw_architecture.py"
    assert PICTURE.read_text(encoding="utf-8") == draw(), remedy
    assert PAGE.read_text(encoding="utf-8") == page(), remedy


def test_versions_agree() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(__version__)}$", citation, re.MULTILINE)
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert parse_yaml(citation, where="CITATION.cff")["cff-version"] == "1.2.0"
