"""The JSON Schema (draft 2020-12) of tengu.yml, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from tengu.config.keys import field_of
from tengu.config.model import (
    App,
    CodeBuild,
    Environment,
    Freeze,
    Image,
    Migrate,
    Model,
    Service,
    Settings,
    Verification,
)

_MODELS: tuple[type[Model], ...] = (
    Settings,
    App,
    Environment,
    Image,
    CodeBuild,
    Migrate,
    Service,
    Verification,
    Freeze,
)


def json_schema() -> dict[str, Any]:
    """The schema: a description for each key, and the default of each that has one.

    It knows less than `tengu config check`: rules between keys are not in it. An `image` is partial at the app and
    at the environment; only both together must name a repository.
    """
    schema = Settings.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.pop("$defs")
    for model in _MODELS:
        _tidy(model, schema if model is Settings else definitions[model.__name__])
    image = definitions["Image"]
    image.pop("required")
    definitions["App"]["properties"]["image"] = {
        "$ref": "#/$defs/Image",
        "description": "How the image is made and where it goes; an environment may override single keys.",
    }
    definitions["Environment"]["required"].remove("image")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "tengu.yml",
        "$defs": definitions,
    }


def _tidy(model: type[Model], level: dict[str, Any]) -> None:
    """Defaults as the file writes them, no titles that only repeat the key, no names that the pattern forbids."""
    level.pop("title", None)
    for key, found in level["properties"].items():
        found.pop("title", None)
        if "patternProperties" in found:
            found["additionalProperties"] = False
        field = field_of(model, key)
        if field is None:
            continue
        found.setdefault("description", field.description)
        if not field.is_required():
            found["default"] = _default(model, key, field)
    if model is Environment:
        level["properties"]["branch"].pop("default")  # it depends on the environment's name


def _default(model: type[Model], key: str, field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Model):
        return value.model_dump(mode="json", by_alias=True)
    name = next(name for name, other in model.model_fields.items() if other is field)
    return model.model_construct(**{name: value}).model_dump(mode="json", include={name}, warnings=False)[name]
