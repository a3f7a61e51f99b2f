"""The layers of ARCHITECTURE.md: who may import whom, and that nobody imports in a circle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BASE = {"tengu", "tengu.errors", "tengu.secret"}
INNER = BASE | {"tengu.domain", "tengu.ports", "tengu.config"}

MAY_IMPORT = {
    "tengu": set[str](),
    "tengu.errors": set[str](),
    "tengu.secret": set[str](),
    "tengu.domain": BASE,
    "tengu.ports": BASE | {"tengu.domain"},
    "tengu.config": BASE | {"tengu.domain"},
    "tengu.usecases": INNER,
    "tengu.adapters": BASE | {"tengu.domain", "tengu.ports"},
    "tengu.assembly": INNER | {"tengu.usecases"},
    "tengu.bootstrap": INNER | {"tengu.usecases", "tengu.adapters", "tengu.assembly"},
    "tengu.sandbox": BASE | {"tengu.domain", "tengu.ports"},
    "tengu.cli": INNER | {"tengu.usecases", "tengu.assembly", "tengu.bootstrap", "tengu.sandbox", "handlers"},
    "tengu.__main__": {"tengu.cli"},
    "handlers": INNER | {"tengu.usecases", "tengu.assembly", "tengu.bootstrap"},
}
"""Each layer, and the others that it may import; its own modules it may always."""

DOORS = {
    # `tengu serve` with a simulated builder, as a process of its own: a door like the command line, not a stand-in
    "tengu.sandbox.serve_simulated": MAY_IMPORT["tengu.cli"],
}
"""Single modules that may import more than their layer."""

ADAPTERS_OF_SERVICES = ("aws", "github", "slack", "postgres")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(path): path for folder in ("tengu", "handlers") for path in sorted((ROOT / folder).rglob("*.py"))}


def layer(module: str) -> str:
    """`tengu.domain` of `tengu.domain.duration`; all of handlers is one layer."""
    return "handlers" if module.startswith("handlers") else ".".join(module.split(".")[:2])


def _imported(tree: ast.Module, *, when_loaded: bool) -> Iterator[str]:
    """Modules of ours that a module imports; with `when_loaded` only those it needs to be imported itself."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if when_loaded and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        todo.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            yield from inner
            if len(inner) < len(node.names):
                yield node.module


def _imports(module: str, *, when_loaded: bool = False) -> set[str]:
    return set(_imported(ast.parse(MODULES[module].read_text()), when_loaded=when_loaded))


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_one_way(module: str) -> None:
    own = layer(module)
    assert own in MAY_IMPORT, f"{module}: say in MAY_IMPORT what this new layer may import"
    allowed = MAY_IMPORT[own] | DOORS.get(module, set()) | {own}
    wrong = {other for other in _imports(module) if layer(other) not in allowed}
    assert not wrong, f"{module} may not import {', '.join(sorted(wrong))}"


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {module: _imports(module, when_loaded=True) - {module} for module in MODULES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("these modules import each other: " + " -> ".join(error.args[1]))


def test_adapters_of_different_services_do_not_know_each_other() -> None:
    for service in ADAPTERS_OF_SERVICES:
        others = tuple(f"tengu.adapters.{other}." for other in ADAPTERS_OF_SERVICES if other != service)
        for module in (name for name in MODULES if name.startswith(f"tengu.adapters.{service}.")):
            assert not [other for other in _imports(module) if other.startswith(others)], module


ENVIRONMENT_READERS = {
    "tengu/config/environment.py": "the one place",
    "tengu/bootstrap.py": "hands AWS_* and DOCKER_HOST to the adapters that need them",
    "tengu/adapters/process.py": "the allow-list of what child processes get",
    "tengu/adapters/docker_config.py": "finds docker's own configuration as docker does",
    "tengu/adapters/docker_cli.py": "finds the engine as docker does",
    "tengu/adapters/aws/session.py": "finds the region as boto3 does",
}


@pytest.mark.parametrize("module", MODULES)
def test_only_named_modules_read_the_environment(module: str) -> None:
    path = MODULES[module].relative_to(ROOT).as_posix()
    if path in ENVIRONMENT_READERS or path.startswith("tengu/sandbox/"):
        return
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        read = isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
        assert not read, f"{path}:{getattr(node, 'lineno', 0)} reads the environment; ask ProcessSettings for it"
