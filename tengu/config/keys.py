"""The keys that tengu.yml knows, found by walking the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tengu.config.model import App, Image, Model, Settings
from tengu.config.yaml_file import Key


def keys_of(model: type[Model]) -> tuple[str, ...]:
    """The keys of one level as the file writes them; an app's `image` is not in the model, but in the file."""
    names = tuple(field.alias or name for name, field in model.model_fields.items())
    return (*names, "image") if model is App else names


def field_of(model: type[Model], key: str) -> FieldInfo | None:
    """The field behind a key."""
    return next((field for name, field in model.model_fields.items() if (field.alias or name) == key), None)


def model_at(key: Key) -> type[Model] | None:
    """The level that stands at this place of the file; None if it is a value."""
    annotation: Any = Settings
    for part in key:
        annotation = _child(_bare(annotation), part)
    found = _bare(annotation)
    return found if isinstance(found, type) and issubclass(found, Model) else None


def all_keys(model: type[Model] = Settings, above: str = "") -> Iterator[str]:
    """Every key there is, as patterns: `apps.*.environments.*.services[].cluster`. An image's keys stand at the app."""
    for name in keys_of(model):
        if name == "image" and model is not App:
            continue
        yield f"{above}{name}"
        field = field_of(model, name)
        inner, suffix = _inner(field.annotation if field else Image)
        if inner is not None:
            yield from all_keys(inner, f"{above}{name}{suffix}.")


def _child(level: Any, part: str | int) -> Any:
    if isinstance(level, type) and issubclass(level, Model):
        if level is App and part == "image":
            return Image
        field = field_of(level, str(part))
        return field.annotation if field else None
    arguments = get_args(level)
    return arguments[0 if isinstance(part, int) else -1] if arguments else None


def _inner(annotation: Any) -> tuple[type[Model] | None, str]:
    bare, suffix = _bare(annotation), ""
    while (origin := get_origin(bare)) in (Mapping, tuple):
        bare, suffix = _bare(get_args(bare)[0 if origin is tuple else -1]), suffix + ("[]" if origin is tuple else ".*")
    return (bare, suffix) if isinstance(bare, type) and issubclass(bare, Model) else (None, "")


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation
