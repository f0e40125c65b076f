"""The fences of the house: what keeps a room small, a name single and a way one-way. There are no exceptions."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations, takewhile
from pathlib import Path

from tests.package import ROOT, SOURCE, Module, circles, defining, mentioned, package, read

MOST_MODULES = 15
MOST_ANYS, MOST_LOOKUPS = 130, 55
"""What no checker sees: the word ``Any`` in the package, and look-ups by a string where scores are made and shown. Both
may only shrink."""
DOORS = {"__init__", "__main__"}
"""By which a folder is entered, and which are none of its modules."""
ENDINGS = {"", "s", "es", "e", "ed", "er", "ers", "or", "ors", "ing", "ings", "al", "y", "ies", "ly", "ment", "ments"}
ENDINGS |= {"ion", "ions", "ation", "ations", "ated", "ship", "wise", "ised", "lication"}
SHORTEST_STEM = 3


def _folders() -> dict[str, set[str]]:
    """The modules and folders that lie in each folder of the package."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in package():
        folder, _, inner = name.rpartition(".")
        if folder:
            found[folder].add(inner)
    return found


def _assert_none(found: Iterable[str], *, remedy: str) -> None:
    there = sorted(set(found))
    assert not there, f"{remedy}: {', '.join(there)}"


def test_no_folder_holds_more_modules_than_a_glance_takes_in() -> None:
    files = Counter(path.parent for path in SOURCE.rglob("*.py") if path.stem not in DOORS)
    full = (str(folder.relative_to(SOURCE)) for folder, count in files.items() if count > MOST_MODULES)
    _assert_none(full, remedy=f"part a folder of more than {MOST_MODULES} modules by its questions")


def test_no_class_name_stands_for_two_things() -> None:
    names = Counter(
        node.name for module in package().values() for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)
    )
    twice = (name for name, count in names.items() if count > 1)
    _assert_none(twice, remedy="call one of the two what it is")


def test_no_two_modules_of_a_folder_differ_by_an_ending_only() -> None:
    similar = {
        f"{folder}.{first}|{second}"
        for folder, names in _folders().items()
        for first, second in combinations(sorted(names), 2)
        if (stem := _common(first, second)) >= SHORTEST_STEM and {first[stem:], second[stem:]} <= ENDINGS
    }
    _assert_none(similar, remedy="name each by what it is about")


def _common(first: str, second: str) -> int:
    """How many letters two words begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def test_no_modules_import_in_a_circle() -> None:
    """An import runs the ``__init__`` of every folder on its way; those above the module itself have begun already."""
    graph = {module.name: module.needs | _entered(module) for module in package().values()}
    _assert_none(map(" ".join, circles(graph)), remedy="move what both need to a module below both")


def _entered(module: Module) -> set[str]:
    parts = [need.split(".") for need in module.needs]
    above = {".".join(part[:length]) for part in parts for length in range(2, len(part))}
    return {folder for folder in above if not f"{module.name}.".startswith(f"{folder}.")}


def test_what_no_checker_sees_gets_less() -> None:
    texts = (module.path.read_text(encoding="utf-8") for module in package().values())
    anys = sum(len(re.findall(r"\bAny\b", text)) for text in texts)
    shown = [name for name in package() if name.startswith(("voxlate.evaluation.", "voxlate.reporting."))]
    nodes = (node for name in shown for node in ast.walk(package()[name].tree) if isinstance(node, ast.Subscript))
    lookups = sum(isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) for node in nodes)
    assert anys <= MOST_ANYS, f"the word Any stands {anys} times: name the type, a Protocol or object"
    assert lookups <= MOST_LOOKUPS, f"{lookups} look-ups by a string: make what is looked up a value with fields"


def test_the_map_of_the_readme_names_what_is_there() -> None:
    rows = _map()
    assert len(rows) > 20
    lost = {f"{file} {symbol}" for file, symbol in rows if not _is_there(ROOT / file, symbol)}
    _assert_none(lost, remedy="correct the row")


def _map() -> list[tuple[str, str]]:
    """File and symbol of each row of the README's map, "Where do I change ...?"."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Where do I change ...?")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return [(file.strip(" `"), symbol.strip(" `")) for _, file, symbol in cells[1:]]


def _is_there(path: Path, symbol: str) -> bool:
    """Whether a file defines a function, class or constant of that name; a recipe, whether it has that section."""
    if not path.is_file():
        return False
    if path.suffix == ".yaml":
        return f"\n{symbol}:" in path.read_text(encoding="utf-8")
    return symbol in read(path, name=str(path), known=set(package())).definitions


def test_every_public_name_has_a_reader() -> None:
    """A name without an underscore is used by another module, is documented, or belongs to a signature that is."""
    used = _used()
    unused = {
        f"{module.name}.{name}"
        for module in package().values()
        for name in module.definitions
        if not name.startswith("_") and (module.name, name) not in used and name != "logger"
    }
    _assert_none(unused, remedy="make it private, or delete it")


def _used() -> set[tuple[str, str]]:
    """Where names are defined that are used outside their module, and, from these on, what their signatures name."""
    modules = package()
    others = [path for folder in ("docs", "benchmarks", ".ci") for path in sorted((ROOT / folder).rglob("*.py"))]
    readers = [*modules.values(), *(read(path, name=str(path), known=set(modules)) for path in others)]
    used = {defining(place) for module in readers for place in module.uses() if defining(place)[0] != module.name}
    used |= _documented() | _commands()
    waiting = list(used)
    while waiting:
        module, name = waiting.pop()
        node = modules[module].definitions.get(name) if module in modules else None
        new = {defining((module, other)) for other in mentioned(node, name=name)} - used if node else set()
        used |= new
        waiting += new
    return used


def _documented() -> set[tuple[str, str]]:
    """The names in the pages, and what the front doors of the package list."""
    modules = package()
    paths = [ROOT / "README.md", *(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    found = re.findall(r"\b(voxlate(?:\.\w+)*)\.(\w+)\b", text)
    found += [match.rpartition(".")[::2] for match in re.findall(r"\bvoxlate(?:\.\w+)+(?=\.\w+)", text)]
    for module, names in re.findall(r"from (voxlate[\w.]*) import ([\w, ]+)", text):
        found += [(module, name.strip()) for name in names.split(",")]
    for name in ["voxlate", *re.findall(r"automodule:: (\S+)", text)]:
        module = modules[name]
        found += [(name, inner) for inner in module.exported or module.definitions]
    names = {module.path: module.name for module in modules.values()}
    found += [(names[ROOT / file], symbol) for file, symbol in _map() if ROOT / file in names]
    return {defining(place) for place in found}


def _commands() -> set[tuple[str, str]]:
    """The functions that the command line registers, and those where a program starts."""
    modules = package().values()
    registered = {
        (module.name, name)
        for module in modules
        for name, node in module.definitions.items()
        if any("app." in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", []))
    }
    started = {(m.name, "main") for m in modules if any("__main__" in ast.unparse(n) for n in m.tree.body)}
    return registered | started | {("voxlate.cli", "main")}


def test_what_a_docstring_or_a_page_points_to_is_there() -> None:
    modules = package()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    paths = [*(module.path for module in modules.values()), *(page for page in pages if "_build" not in page.parts)]
    lost = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for name in set(re.findall(r"`(voxlate(?:\.\w+)+)`", text)):
            place, _, inner = name.rpartition(".")
            held = modules[place].path.read_text(encoding="utf-8") if place in modules else ""
            if name not in modules and not re.search(rf"\b{inner}\b", held):
                lost.append(f"{path.relative_to(ROOT)}: {name}")
    _assert_none(lost, remedy="name what is there")


def test_an_example_calls_what_its_module_has() -> None:
    lost = [
        f"{module.name}: {name}"
        for module in package().values()
        if (text := module.path.read_text(encoding="utf-8"))
        for name in re.findall(r"^ *>>> (\w+)\(", text, re.MULTILINE)
        if not hasattr(builtins, name)
        and not re.search(rf"\b(def|class|import) .*\b{name}\b|^{name} = ", text, re.MULTILINE)
    ]
    _assert_none(lost, remedy="call it by its name")
