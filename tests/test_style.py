"""The house style as far as a machine can hold it: sizes, names, and words that do not belong."""

from __future__ import annotations

import ast
import re
from pathlib import Path

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


def _faults(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    long = [f.name for f in _functions(path) if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES]
    return [
        *([f"a module stops at {MODULE_LINES} lines"] if text.count("\n") > MODULE_LINES else []),
        *(["name the module by the noun that it is about"] if path.stem in NAMELESS else []),
        *([] if text.startswith('"""') else ["a module opens with what it is"]),
        *(f"a function stops at {FUNCTION_LINES} lines: {name}" for name in long),
        *(f"no {pattern}" for pattern in FORBIDDEN if re.search(pattern, text)),
    ]


def test_modules_keep_the_house_style() -> None:
    found = {str(path.relative_to(ROOT / "src")): _faults(path) for path in SOURCES}
    assert len(found) > 400
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_every_test_can_fail() -> None:
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    tests = [(path, one) for path in paths for one in _functions(path) if one.name.startswith("test_")]
    toothless = [
        f"{path.name}:{one.name}" for path, one in tests if not re.search("Assert|raises|warns|assert", ast.dump(one))
    ]
    assert not toothless
