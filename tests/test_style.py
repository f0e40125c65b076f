"""The house style as far as a machine can hold it: sizes, names, and words that do not belong."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "voxlate").rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 60
NAMELESS = {"utils", "helpers", "common", "base", "misc", "util", "helper"}
LATE = r"(?m)^from scipy(?:\.| import )(?:integrate|interpolate|optimize|spatial|stats)\b"
"""What takes tenths of a second of every start is imported by the function that needs it."""
FORBIDDEN = (
    r"\bNotImplementedError\b",
    r"\bTODO\b|\bFIXME\b",
    r"(?<!\.)\beval\(",
    r"\bexec\(",
    r"\bimport pickle\b",
    LATE,
)


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_module_keeps_the_house_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MODULE_LINES, f"a module stops at {MODULE_LINES} lines"
    assert path.stem not in NAMELESS, "name the module by the noun that it is about"
    assert text.startswith('"""'), "a module opens with what it is"
    long = [f.name for f in _functions(path) if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES]
    assert not long, f"a function stops at {FUNCTION_LINES} lines"
    found = [pattern for pattern in FORBIDDEN if re.search(pattern, text)]
    assert not found


def test_every_test_can_fail() -> None:
    toothless = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for function in _functions(path):
            body = ast.dump(function)
            if function.name.startswith("test_") and not re.search("Assert|raises|warns|assert", body):
                toothless.append(f"{path.name}:{function.name}")
    assert not toothless
