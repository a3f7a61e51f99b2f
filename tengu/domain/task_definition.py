"""A new task definition revision from one that exists: only the named containers' image changes, nothing is lost.

Pure: which fields RegisterTaskDefinition takes and which keys the raw answer had is told by the adapter, from the
installed SDK's service model and the HTTP body. An SDK drops response keys that it does not know, so a copy made by
an old one would lose a new field without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tengu.domain.container_service import short
from tengu.errors import Refused

MAXIMUM_TAGS = 50
_RESERVED = "aws:"  # CloudFormation's own tags and the like: AWS sets them and refuses them from anybody else


@dataclass(frozen=True)
class TaskDefinition:
    """A revision as DescribeTaskDefinition answers.

    Args:
        arn: of the revision.
        fields: the answer's `taskDefinition`, as parsed.
        tags: its tags.
        input_fields: names that RegisterTaskDefinition takes.
        unknown_fields: keys of the raw answer, as paths (`containerDefinitions[].restartPolicy`), that the SDK does
            not know and that hold a value.
    """

    arn: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str]
    input_fields: frozenset[str]
    unknown_fields: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Its family."""
        return str(self.fields["family"])

    @property
    def is_active(self) -> bool:
        """False once it was deregistered: services can no longer be moved to it."""
        return str(self.fields.get("status", "ACTIVE")) == "ACTIVE"

    @property
    def images(self) -> Mapping[str, str]:
        """Image by container name."""
        return {entry["name"]: entry["image"] for entry in self.fields["containerDefinitions"]}


def pinned(repository: str, digest: str) -> str:
    """The reference that cannot move: `repository@sha256:…`."""
    return f"{repository}@{digest}"


def runs(definition: TaskDefinition, containers: Iterable[str], image: str) -> bool:
    """True if each of these containers (one at least) already has exactly this image."""
    return {definition.images.get(name) for name in containers} == {image}


def with_image(
    definition: TaskDefinition,
    containers: Iterable[str],
    image: str,
    tags: Mapping[str, str],
    ignore_fields: Iterable[str] = (),
) -> Mapping[str, Any]:
    """What to hand to RegisterTaskDefinition.

    Args:
        definition: what is copied.
        containers: names of the containers whose image changes; every other one keeps its own.
        image: pinned by digest.
        tags: set beside the tags that are there.
        ignore_fields: unknown fields that may be lost.

    Raises:
        Refused: `unknown_field` if a field would be lost, `container_missing` if a container is not there,
            `image_unchanged` if the result would be what is there already, `too_many_tags`.
    """
    wanted = tuple(containers)
    _refuse_loss(definition, frozenset(ignore_fields))
    _refuse_missing(definition, wanted)
    if runs(definition, wanted, image):
        raise Refused("image_unchanged", f"{short(definition.arn)} already has {image} in {_names(wanted)}: no change.")
    fields = {
        name: value
        for name, value in definition.fields.items()
        if name in definition.input_fields and value not in ("", None)
    }
    fields["containerDefinitions"] = [
        {**entry, "image": image} if entry["name"] in wanted else entry
        for entry in definition.fields["containerDefinitions"]
    ]
    fields["tags"] = _tags(definition, tags)
    return fields


def _tags(definition: TaskDefinition, added: Mapping[str, str]) -> list[dict[str, str]]:
    merged = {key: value for key, value in definition.tags.items() if not key.startswith(_RESERVED)}
    merged.update(added)
    if len(merged) > MAXIMUM_TAGS:
        raise Refused(
            "too_many_tags",
            f"{short(definition.arn)} would have {len(merged)} tags, and ECS takes {MAXIMUM_TAGS}.",
            "Remove some of its tags.",
        )
    return [{"key": key, "value": value} for key, value in merged.items()]


def _refuse_loss(definition: TaskDefinition, ignored: frozenset[str]) -> None:
    lost = [path for path in definition.unknown_fields if path not in ignored and path.split(".")[-1] not in ignored]
    if lost:
        one = lost[0].split(".")[-1]
        raise Refused(
            "unknown_field",
            f"{short(definition.arn)} has {_names(lost)}, which this Tengu's AWS SDK does not know: "
            "a copy would silently lose it.",
            f"Upgrade Tengu (or boto3), or accept the loss with `ignore_fields: [{one}]` on that service in tengu.yml.",
        )


def _refuse_missing(definition: TaskDefinition, wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in definition.images]
    if not wanted:
        raise Refused(
            "container_missing", f"No container of {short(definition.arn)} is named.", "Fill in `containers:`."
        )
    if missing:
        raise Refused(
            "container_missing",
            f"{short(definition.arn)} has no container {_names(missing)}; it has {_names(definition.images)}.",
            "Correct `containers:` of that service in tengu.yml.",
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
