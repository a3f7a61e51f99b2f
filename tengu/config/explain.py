"""What pydantic found wrong, as sentences with a place: what it is, and what to write instead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from tengu.config.errors import Problem
from tengu.config.keys import all_keys, field_of, keys_of, model_at
from tengu.config.yaml_file import Document, Key, Place, key_text

_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "tuple_type": "a list, like [a, b]",
}


def app_level(key: Key) -> Key:
    """The same key of the app's `image`, for a key of an environment's."""
    return (*key[:2], *key[4:]) if len(key) > 4 and key[2] == "environments" and key[4] == "image" else key


def locate(document: Document, key: Key) -> tuple[Key, Place]:
    """The key as the file has it (a value inherited from the app's `image` stands there), and where that is.

    A key that is not in the file is placed at the nearest level above it.
    """
    for length in range(len(key), 0, -1):
        for candidate in (key[:length], app_level(key[:length])):
            if candidate in document.places:
                return (*candidate, *key[length:]), document.places[candidate]
    return key, Place(1, 1)


def problem_at(document: Document, key: Key, what: str) -> Problem:
    """That problem, at that key."""
    shown, place = locate(document, key)
    return Problem(what, document.file, place.line, place.column, key_text(shown))


def explain_all(document: Document, errors: Sequence[ErrorDetails]) -> list[Problem]:
    """Pydantic's errors as a person reads them; a key that is missing because it is misspelt is said once."""
    misspelt = {(*error["loc"][:-1], _nearest(error["loc"])) for error in errors if error["type"] == "extra_forbidden"}
    return [_explain(document, error) for error in errors if error["type"] != "missing" or error["loc"] not in misspelt]


def _explain(document: Document, error: ErrorDetails) -> Problem:
    key = tuple(part for part in error["loc"] if part != "[key]")
    return problem_at(document, key, _what(document, key, error))


def _what(document: Document, key: Key, error: ErrorDetails) -> str:
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(key)
    if kind == "missing":
        return _missing(key)
    if kind == "value_error":
        return f"{_shown(found)}{error['ctx']['error']}"
    if kind == "literal_error":
        return _choice(error["ctx"]["expected"], found)
    wanted = _WANTED.get(kind)
    return f"{_shown(found)}{error['msg']}" if wanted is None else _wrong_kind(wanted, document, key, found)


def _wrong_kind(wanted: str, document: Document, key: Key, found: Any) -> str:
    written = locate(document, key)[1].written
    if found is None:
        return f"has no value, but must be {wanted} (what follows # is a comment, unless it is in quotes)"
    if wanted == "text" and isinstance(found, bool | int | float):
        return f"must be text, and YAML reads {written} as something else: write it in quotes, {json.dumps(written)}"
    return f"{_shown(found)}must be {wanted}"


def _unknown(key: Key) -> str:
    name, model = str(key[-1]), model_at(key[:-1])
    known = keys_of(model) if model else ()
    if near := _nearest(key):
        return f"unknown key; did you mean `{near}`?"
    if elsewhere := list(_levels_with(name)):
        return f"unknown key here; `{name}` stands under {' and '.join(elsewhere)}"
    return f"unknown key; the keys here are {', '.join(known)}"


def _nearest(key: Key) -> str | None:
    model = model_at(key[:-1])
    return next(iter(get_close_matches(str(key[-1]), keys_of(model) if model else (), n=1)), None)


def _levels_with(name: str) -> Iterator[str]:
    for pattern in all_keys():
        above, _, last = pattern.rpartition(".")
        if last == name:
            yield above.replace("apps.*", "apps.APP").replace("environments.*", "environments.ENV") or "the top level"


def _missing(key: Key) -> str:
    model = model_at(key[:-1])
    field = field_of(model, str(key[-1])) if model else None
    if field is None or not field.examples:
        return "is missing"
    example = field.examples[0]
    return f"is missing; write for example {key[-1]}: {example if isinstance(example, str) else json.dumps(example)}"


def _choice(expected: str, found: Any) -> str:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    near = get_close_matches(found, choices, n=1) if isinstance(found, str) else []
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{_shown(found)}must be one of {', '.join(choices)}{hint}"


def _shown(found: Any) -> str:
    """What was found, in one short piece that cannot disturb a terminal."""
    if isinstance(found, dict | list | tuple):
        return f"found a {'mapping' if isinstance(found, dict) else 'list'}; " if found else ""
    text = json.dumps(found, ensure_ascii=True, default=str)
    return f"found {text if len(text) <= 80 else text[:77] + '...'}; "
