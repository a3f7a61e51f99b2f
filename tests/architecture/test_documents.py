"""What the documents must name, and what no tracked file may."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest

from tengu.cli import COMMANDS
from tengu.config.environment import PLAIN_VARIABLES, VARIABLES
from tengu.config.keys import all_keys

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BACKTICKED = set(re.findall(r"`([^`\n]+)`", README))


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# Written in two halves so that this file does not hold what it looks for
_FOREIGN = re.compile(
    "|".join(("/wo" + r"rk/\w", "/ro" + r"ot/\w", "/ho" + r"me/\w", "index" + "-url", "trusted" + "-host"))
)


def test_no_tracked_file_names_this_machine_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if _FOREIGN.search(line)
    ]
    assert not found, "\n".join(found)


def test_pinned_requirements_name_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert "://" not in (ROOT / name).read_text(), name


@pytest.mark.parametrize("variable", [*VARIABLES, *PLAIN_VARIABLES])
def test_readme_names_every_environment_variable(variable: str) -> None:
    assert variable in BACKTICKED


def _commands() -> list[str]:
    """`config check`, `serve`, …"""
    names = []
    for entry in COMMANDS:
        module, _, attribute = entry.target.partition(":")
        command = getattr(import_module(module), attribute)
        names += (
            [f"{entry.name} {sub}" for sub in command.commands] if isinstance(command, click.Group) else [entry.name]
        )
    return names


@pytest.mark.parametrize("command", _commands())
def test_readme_names_every_command(command: str) -> None:
    assert any(re.match(rf"(tengu )?{re.escape(command)}\b", text) for text in BACKTICKED)


def test_every_key_of_the_configuration_is_explained() -> None:
    """In README.md, or in the annotated example that README.md points to."""
    assert "](tengu.example.yml)" in README
    example = (ROOT / "tengu.example.yml").read_text()
    for key in all_keys():
        name = key.rpartition(".")[2]
        assert name in BACKTICKED or re.search(rf"\b{name}:", example), key
