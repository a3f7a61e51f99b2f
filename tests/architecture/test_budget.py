"""Modules and functions stay small, and say what they are for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("tengu", "handlers") for path in (ROOT / folder).rglob("*.py"))
IDS = [path.relative_to(ROOT).as_posix() for path in FILES]

MODULE_LINES, FUNCTION_LINES = 300, 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    lines = len(text.splitlines())
    assert lines <= MODULE_LINES, f"{path.name} has {lines} lines: split it by what it does"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{path.name}:{node.lineno} {node.name}() has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_modules_and_what_they_offer_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, f"{path.name} does not say what it is for"
    missing = [name for node, name in _public(tree) if ast.get_docstring(node) is None]
    assert not missing, f"{path.name}: no docstring at {', '.join(missing)}"


def _public(tree: ast.Module) -> Iterator[tuple[Function | ast.ClassDef, str]]:
    """Public classes and functions, and the public methods of classes that inherit nothing.

    A method that overrides another is described there.
    """
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node, node.name
            if isinstance(node, ast.ClassDef):
                yield from ((method, f"{node.name}.{method.name}") for method in _methods(node))


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    if any(ast.unparse(base) not in ("Protocol", "Exception") for base in node.bases):
        return
    for method in node.body:
        if isinstance(method, Function) and not method.name.startswith("_"):
            yield method
