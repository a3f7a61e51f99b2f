"""What Slack refuses in a message: its published limits in one table, and the check that enforces them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BLOCKS = "https://docs.slack.dev/reference/block-kit/blocks"
_OBJECTS = "https://docs.slack.dev/reference/block-kit/composition-objects"
_BUTTON = "https://docs.slack.dev/reference/block-kit/block-elements/button-element"


@dataclass(frozen=True)
class Limit:
    """The largest allowed length or count, and where Slack says so."""

    most: int
    source: str


LIMITS = {
    "text of chat.postMessage": Limit(40_000, "https://docs.slack.dev/reference/methods/chat.postMessage#truncating"),
    "text of chat.update": Limit(4_000, "https://docs.slack.dev/reference/methods/chat.update (msg_too_long)"),
    "blocks of a message": Limit(50, f"{_BLOCKS}: up to 50 blocks in each message"),
    "characters of all blocks": Limit(13_200, "https://github.com/slackapi/bolt-js/issues/2509 (measured)"),
    "section.text": Limit(3_000, f"{_BLOCKS}/section-block"),
    "section.fields": Limit(10, f"{_BLOCKS}/section-block"),
    "section.fields.text": Limit(2_000, f"{_BLOCKS}/section-block"),
    "header.text": Limit(150, f"{_BLOCKS}/header-block"),
    "context.elements": Limit(10, f"{_BLOCKS}/context-block"),
    "text object": Limit(3_000, f"{_OBJECTS}/text-object"),
    "actions.elements": Limit(25, f"{_BLOCKS}/actions-block"),
    "block_id": Limit(255, f"{_BLOCKS}: every block"),
    "button.text": Limit(75, _BUTTON),
    "button.value": Limit(2_000, _BUTTON),
    "button.url": Limit(3_000, _BUTTON),
    "action_id": Limit(255, _BUTTON),
    "confirm.title": Limit(100, f"{_OBJECTS}/confirmation-dialog-object"),
    "confirm.text": Limit(300, f"{_OBJECTS}/confirmation-dialog-object"),
    "confirm.confirm": Limit(30, f"{_OBJECTS}/confirmation-dialog-object"),
    "confirm.deny": Limit(30, f"{_OBJECTS}/confirmation-dialog-object"),
    "metadata": Limit(16_384, "https://docs.slack.dev/messaging/message-metadata (metadata_too_large)"),
}

Faults = Iterator[str]
"""What is wrong, one sentence with a JSON pointer each."""


def check_blocks(blocks: Any) -> tuple[str, list[str]] | None:
    """None if Slack would take these blocks; else its error code and what it says about them."""
    if not isinstance(blocks, list):
        return "invalid_blocks_format", ["blocks is not a list"]
    messages = list(_blocks(blocks))
    if messages:
        return "invalid_blocks", messages
    if len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > LIMITS["characters of all blocks"].most:
        return "msg_blocks_too_long", []
    return None


def check_metadata(metadata: Any) -> str | None:
    """Slack's error code for message metadata, or None. https://docs.slack.dev/messaging/message-metadata"""
    if not isinstance(metadata, dict) or set(metadata) - {"event_type", "event_payload", "entities"}:
        return "invalid_metadata_format"
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        return "invalid_metadata_schema"
    return "metadata_too_large" if len(json.dumps(metadata)) > LIMITS["metadata"].most else None


def _blocks(blocks: list[Any]) -> Faults:
    yield from _count(blocks, "blocks of a message", "/blocks", least=0)
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        pointer = f"/blocks/{index}"
        kind = block.get("type") if isinstance(block, dict) else None
        check = _CHECKS.get(kind) if isinstance(kind, str) else None
        if check is None:
            yield f"unsupported type: {kind} [json-pointer:{pointer}/type]"
            continue
        block_id = block.get("block_id")
        if block_id is not None:
            yield from _length(block_id, "block_id", f"{pointer}/block_id")
            if block_id in seen:
                yield f"block_id already exists: {block_id} [json-pointer:{pointer}/block_id]"
            seen.add(str(block_id))
        yield from check(block, pointer)


def _section(block: dict[str, Any], pointer: str) -> Faults:
    yield from _extra(block, {"text", "fields", "accessory", "expand"}, pointer)
    if "text" not in block and "fields" not in block:
        yield f"must define either `fields` or `text` [json-pointer:{pointer}]"
    if "text" in block:
        yield from _text(block["text"], "section.text", f"{pointer}/text")
    fields = block.get("fields", [])
    yield from _count(fields, "section.fields", f"{pointer}/fields", least=0)
    for index, field in enumerate(fields):
        yield from _text(field, "section.fields.text", f"{pointer}/fields/{index}")
    if "accessory" in block:
        yield from _button(block["accessory"], f"{pointer}/accessory")


def _header(block: dict[str, Any], pointer: str) -> Faults:
    yield from _extra(block, {"text"}, pointer)
    yield from _text(block.get("text"), "header.text", f"{pointer}/text", kinds=("plain_text",))


def _context(block: dict[str, Any], pointer: str) -> Faults:
    yield from _extra(block, {"elements"}, pointer)
    elements = block.get("elements", [])
    yield from _count(elements, "context.elements", f"{pointer}/elements")
    for index, element in enumerate(elements):
        yield from _text(element, "text object", f"{pointer}/elements/{index}")


def _actions(block: dict[str, Any], pointer: str) -> Faults:
    yield from _extra(block, {"elements"}, pointer)
    elements = block.get("elements", [])
    yield from _count(elements, "actions.elements", f"{pointer}/elements")
    seen: set[str] = set()
    for index, element in enumerate(elements):
        here = f"{pointer}/elements/{index}"
        yield from _button(element, here)
        action = element.get("action_id") if isinstance(element, dict) else None
        if action in seen:
            yield f"`action_id` already exists for another element [json-pointer:{here}/action_id]"
        seen.add(str(action))


def _divider(block: dict[str, Any], pointer: str) -> Faults:
    yield from _extra(block, set(), pointer)


_CHECKS = {"section": _section, "header": _header, "context": _context, "actions": _actions, "divider": _divider}


def _button(element: Any, pointer: str) -> Faults:
    if not isinstance(element, dict) or element.get("type") != "button":
        yield f"unsupported element [json-pointer:{pointer}/type]"
        return
    yield from _extra(
        element, {"text", "action_id", "value", "url", "style", "confirm", "accessibility_label"}, pointer
    )
    yield from _text(element.get("text"), "button.text", f"{pointer}/text", kinds=("plain_text",))
    for key, name in (("value", "button.value"), ("url", "button.url"), ("action_id", "action_id")):
        if key in element:
            yield from _length(element[key], name, f"{pointer}/{key}")
    if element.get("style", "primary") not in ("primary", "danger"):
        yield f"invalid style: {element['style']} [json-pointer:{pointer}/style]"
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{pointer}/confirm")


def _confirm(confirm: dict[str, Any], pointer: str) -> Faults:
    for key in ("title", "text", "confirm", "deny"):
        kinds = ("plain_text", "mrkdwn") if key == "text" else ("plain_text",)
        yield from _text(confirm.get(key), f"confirm.{key}", f"{pointer}/{key}", kinds=kinds)


def _text(value: Any, limit: str, pointer: str, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")) -> Faults:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield f"missing or wrong text object, one of {', '.join(kinds)} [json-pointer:{pointer}]"
        return
    yield from _extra(value, {"text", "emoji", "verbatim"}, pointer)
    if value["type"] == "mrkdwn" and "emoji" in value:
        yield f"emoji is for plain_text only [json-pointer:{pointer}/emoji]"
    yield from _length(value.get("text"), limit, f"{pointer}/text")


def _length(value: Any, limit: str, pointer: str) -> Faults:
    most = LIMITS[limit].most
    if not isinstance(value, str) or not value:
        yield f"must be more than 0 characters [json-pointer:{pointer}]"
    elif len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{pointer}]"


def _count(values: Any, limit: str, pointer: str, least: int = 1) -> Faults:
    most = LIMITS[limit].most
    if not isinstance(values, list) or len(values) < least:
        yield f"must have at least {least} items [json-pointer:{pointer}]"
    elif len(values) > most:
        yield f"no more than {most} items allowed [json-pointer:{pointer}]"


def _extra(value: dict[str, Any], known: set[str], pointer: str) -> Faults:
    for key in sorted(set(value) - known - {"type", "block_id"}):
        yield f"invalid additional property: {key} [json-pointer:{pointer}]"
