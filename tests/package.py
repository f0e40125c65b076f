"""The package as a graph, read from its source: its modules, what each defines, and which name of which each uses.

Nothing is imported, so that an import for the type checker only, or inside a function, counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Module:
    """One file of the package.

    Attributes:
        name: Dotted; of a folder's ``__init__.py`` the folder's.
        path: The file.
        tree: Its syntax.
        imports: From a name in the file to the module that it comes from and its name there; an empty name is the
            module itself.
    """

    name: str
    path: Path
    tree: ast.Module
    imports: dict[str, tuple[str, str]]

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What stands at the top of the file, by name."""
        return {name: node for node in self.tree.body for name in _defined(node) if isinstance(node, Definition)}

    @property
    def exported(self) -> tuple[str, ...]:
        """The names in ``__all__``."""
        node = self.definitions.get("__all__")
        return tuple(ast.literal_eval(node.value)) if isinstance(node, ast.Assign) else ()

    @cached_property
    def needs(self) -> set[str]:
        """The modules whose names it imports."""
        return {module for module, _ in self.imports.values() if module != self.name}

    def uses(self) -> set[tuple[str, str]]:
        """Which name of which module it uses: imported, unless it is only passed on, or asked of an imported module."""
        loaded = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        passed_on = set(self.exported) - loaded
        found = {place for local, place in self.imports.items() if place[1] and local not in passed_on}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = self.imports.get(node.value.id, ("", "."))
                if not name:
                    found.add((module, node.attr))
        return found


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for target in targets:
        yield from (part.id for part in getattr(target, "elts", [target]) if isinstance(part, ast.Name))


@cache
def package() -> dict[str, Module]:
    """Every module of the package by its dotted name."""
    paths = sorted((SOURCE / "voxlate").rglob("*.py"))
    names = {path: ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    return {name: read(path, name=name, known=set(names.values())) for path, name in names.items()}


def read(path: Path, *, name: str, known: set[str]) -> Module:
    """One file.

    Args:
        path: The file.
        name: Its dotted name.
        known: The names of the package's modules.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "voxlate":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                imports[alias.asname or alias.name] = (inner, "") if inner in known else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            ours = [alias for alias in node.names if alias.name.split(".")[0] == "voxlate"]
            imports |= {alias.asname or alias.name: (alias.name, "") for alias in ours}
    return Module(name, path, tree, imports)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes of which each can be reached from each other (Tarjan 1972, doi:10.1137/0201010)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def defining(place: tuple[str, str]) -> tuple[str, str]:
    """Where a name is defined that a module may only pass on."""
    modules = package()
    module, name = place
    while module in modules and name not in modules[module].definitions and name in modules[module].imports:
        module, name = modules[module].imports[name]
    return module, name


def mentioned(node: Definition, *, name: str) -> set[str]:
    """The names that a reader of a public definition meets: its annotations, its bases, what a table of it lists."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        value = node.value
        is_alias = not name.isupper()
        listed: list[ast.AST | None] = list(value.values) if isinstance(value, ast.Dict) else [value] * is_alias
        return _names([*listed, getattr(node, "annotation", None)])
    found: list[ast.AST | None] = list(node.bases) if isinstance(node, ast.ClassDef) else []
    functions = [node] if not isinstance(node, ast.ClassDef) else [f for f in node.body if _is_public(f)]
    for part in functions:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = part.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            found += [argument.annotation for argument in every if argument] + [part.returns]
        elif isinstance(part, ast.AnnAssign):
            found.append(part.annotation)
    return _names(found)


def _is_public(node: ast.stmt) -> bool:
    name = getattr(node, "name", getattr(getattr(node, "target", None), "id", "_"))
    return not str(name).startswith("_") or name in {"__init__", "__call__", "__iter__", "__getitem__"}


def _names(nodes: list[ast.AST | None]) -> set[str]:
    return {part.id for node in nodes if node for part in ast.walk(node) if isinstance(part, ast.Name)}
