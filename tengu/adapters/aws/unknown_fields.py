"""Which keys of an AWS answer the installed SDK does not know.

botocore's parser drops response keys that its service model lacks, without a word. For a task definition that is
copied into a new revision this would lose a field, so the HTTP body is compared with the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


def unknown_fields(body: bytes, shape: Shape, member: str) -> tuple[str, ...]:
    """Paths of keys that hold a value and are not in the model.

    Args:
        body: the JSON body of the HTTP answer.
        shape: the operation's output shape.
        member: only below this member of the answer (`taskDefinition`).
    """
    answer = json.loads(body)
    if not isinstance(answer, dict) or not isinstance(shape, StructureShape):
        return ()
    return tuple(dict.fromkeys(_walk(answer.get(member), shape.members[member], "")))


def _walk(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for key, entry in value.items():
            here = f"{path}.{key}" if path else key
            if key in shape.members:
                yield from _walk(entry, shape.members[key], here)
            elif entry not in (None, "", [], {}):
                yield here
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for entry in value:
            yield from _walk(entry, shape.member, f"{path}[]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for entry in value.values():
            yield from _walk(entry, shape.value, f"{path}{{}}")
