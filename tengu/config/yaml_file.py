"""A YAML file as plain values that remember where each key stands.

YAML 1.1 as PyYAML's safe loader reads it, with three differences: a key that comes twice is a problem, keys are
always text, and dates stay text (no key of tengu.yml is a date).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tengu.config.errors import ConfigurationError, Problem

Key = tuple[str | int, ...]
_MAP, _SEQ, _TIMESTAMP = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Place:
    """Where a key stands (line and column from 1), and its value as written, if that is a scalar."""

    line: int
    column: int
    written: str = ""


@dataclass(frozen=True)
class Document:
    """The file's values.

    Args:
        file: its path as the person gave it.
        data: the whole document.
        places: where each key and list item stands.
        problems: what is wrong with the file, though it could be read.
    """

    file: str
    data: Any
    places: dict[Key, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def key_text(key: Key) -> str:
    """`apps.web.environments.production.services[0].cluster`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def read_yaml(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        ConfigurationError: it cannot be read, is not UTF-8, or is not YAML.
    """
    file = str(path)
    text = _read_text(path, file)
    try:
        reader = _Reader(yaml.SafeLoader(text), file)
        data = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigurationError([Problem(f"not YAML: {what}", file, line, column)]) from error
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(text[: error.position])
        what = f"the character U+{error.character:04X} may not stand in a YAML file"
        raise ConfigurationError([Problem(what, file, line, column)]) from error
    return Document(file, data, reader.places, tuple(reader.problems))


def _read_text(path: Path, file: str) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        what = "there is no such file; copy tengu.example.yml, or name another with --config or TENGU_CONFIG"
        raise ConfigurationError([Problem(what, file)]) from error
    except OSError as error:
        raise ConfigurationError([Problem(f"cannot be read: {error.strerror}", file)]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(raw[: error.start].decode("utf-8", "replace"))
        what = f"not UTF-8: byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        raise ConfigurationError([Problem(what, file, line, column)]) from error


def _line_and_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Reader:
    """Turns nodes into values and notes the places of their keys."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self.places: dict[Key, Place] = {}
        self.problems: list[Problem] = []
        self._loader = loader
        self._file = file
        self._above: list[yaml.Node] = []
        self._flat: set[int] = set()

    def document(self) -> Any:
        """The values of the one document in the file; None if it is empty."""
        node = self._loader.get_single_node()
        return None if node is None else self._value(node, ())

    def _value(self, node: yaml.Node, key: Key) -> Any:
        if any(node is above for above in self._above):
            raise yaml.constructor.ConstructorError(None, None, "this anchor contains itself", node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in (_MAP, _SEQ):
            raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag} is not known", node.start_mark)
        self._above.append(node)
        value = self._mapping(node, key) if isinstance(node, yaml.MappingNode) else self._sequence(node, key)
        self._above.pop()
        return value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == _TIMESTAMP:
            return node.value
        try:
            return self._loader.construct_object(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        if id(node) not in self._flat:
            self._flat.add(id(node))
            self._report_repeated_keys(node, key)
            self._loader.flatten_mapping(node)  # resolves `<<`
        result: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = self._name(name_node)
            self._note((*key, name), name_node, value_node)
            result[name] = self._value(value_node, (*key, name))
        return result

    def _sequence(self, node: yaml.Node, key: Key) -> list[Any]:
        for index, item in enumerate(node.value):
            self._note((*key, index), item, item)
        return [self._value(item, (*key, index)) for index, item in enumerate(node.value)]

    def _note(self, key: Key, at: yaml.Node, value: yaml.Node) -> None:
        written = value.value if isinstance(value, yaml.ScalarNode) else ""
        self.places[key] = Place(at.start_mark.line + 1, at.start_mark.column + 1, written)

    def _name(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        raise yaml.constructor.ConstructorError(None, None, "a key must be text", node.start_mark)

    def _report_repeated_keys(self, node: yaml.MappingNode, key: Key) -> None:
        first: dict[str, int] = {}
        for name_node, _ in node.value:
            name, mark = self._name(name_node), name_node.start_mark
            if name in first and name != "<<":
                what = f"this key stands on line {first[name]} already; remove one of them"
                self.problems.append(Problem(what, self._file, mark.line + 1, mark.column + 1, key_text((*key, name))))
            first.setdefault(name, mark.line + 1)
