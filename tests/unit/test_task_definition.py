"""A copied task definition loses nothing, and changes only what it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tengu.domain.task_definition import TaskDefinition, pinned, runs, with_image
from tengu.errors import Refused

ARN = "arn:aws:ecs:r:1:task-definition/web:7"
NEW = pinned("registry:5000/web", "sha256:" + "b" * 64)
INPUT = frozenset({"family", "containerDefinitions", "cpu", "memory", "volumes", "tags", "enableFaultInjection"})
FIELDS: dict[str, Any] = {
    "taskDefinitionArn": ARN,
    "family": "web",
    "revision": 7,
    "status": "ACTIVE",
    "registeredAt": "yesterday",
    "cpu": "256",
    "memory": "",
    "enableFaultInjection": True,
    "volumes": [],
    "containerDefinitions": [
        {"name": "app", "image": "registry:5000/web:1", "environment": [{"name": "A", "value": ""}]},
        {"name": "migrate", "image": "registry:5000/web:1"},
        {"name": "proxy", "image": "other:5000/proxy@sha256:cc"},
    ],
}
OLD = TaskDefinition(ARN, FIELDS, {"team": "a", "aws:cloudformation:stack-name": "s"}, INPUT)


def test_only_the_named_container_changes() -> None:
    result = with_image(OLD, ["app"], NEW, {"tengu:deployment": "8"})
    containers = result["containerDefinitions"]
    assert containers[0] == {"name": "app", "image": NEW, "environment": [{"name": "A", "value": ""}]}
    assert containers[1:] == FIELDS["containerDefinitions"][1:]


def test_keeps_every_input_field_and_drops_the_server_s() -> None:
    result = with_image(OLD, ["app"], NEW, {"tengu:deployment": "8"})
    assert set(result) == {"family", "cpu", "enableFaultInjection", "volumes", "containerDefinitions", "tags"}


def test_tags_are_kept_and_added() -> None:
    result = with_image(OLD, ["app"], NEW, {"tengu:deployment": "8"})
    assert result["tags"] == [{"key": "team", "value": "a"}, {"key": "tengu:deployment", "value": "8"}]


def test_two_containers_from_one_repository() -> None:
    result = with_image(OLD, ["app", "migrate"], NEW, {})
    assert [entry["image"] for entry in result["containerDefinitions"]] == [NEW, NEW, "other:5000/proxy@sha256:cc"]


def test_an_unchanged_image_is_no_change() -> None:
    changed = replace(OLD, fields={**FIELDS, **with_image(OLD, ["app"], NEW, {})})
    assert runs(changed, ["app"], NEW)
    with pytest.raises(Refused, match="no change") as refusal:
        with_image(changed, ["app"], NEW, {})
    assert refusal.value.code == "image_unchanged"


def test_a_missing_container_lists_those_there_are() -> None:
    with pytest.raises(Refused, match=r"no container `web`; it has `app`, `migrate`, `proxy`"):
        with_image(OLD, ["web"], NEW, {})


def test_no_container_named_is_refused_and_not_taken_for_no_change() -> None:
    assert not runs(OLD, [], NEW)
    with pytest.raises(Refused, match="is named"):
        with_image(OLD, [], NEW, {})


@pytest.mark.parametrize("ignored", ["newThing", "containerDefinitions[].newThing"])
def test_an_unknown_field_is_refused_until_it_is_ignored(ignored: str) -> None:
    unknown = replace(OLD, unknown_fields=("containerDefinitions[].newThing",))
    with pytest.raises(Refused) as refusal:
        with_image(unknown, ["app"], NEW, {})
    assert refusal.value.code == "unknown_field"
    assert "containerDefinitions[].newThing" in refusal.value.fact
    assert "Upgrade" in refusal.value.next_step
    assert "ignore_fields: [newThing]" in refusal.value.next_step
    assert with_image(unknown, ["app"], NEW, {}, [ignored])


def test_too_many_tags() -> None:
    full = replace(OLD, tags={f"t{number}": "" for number in range(50)})
    with pytest.raises(Refused, match="51 tags"):
        with_image(full, ["app"], NEW, {"tengu:deployment": "8"})
