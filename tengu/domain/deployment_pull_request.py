"""Title and body of the deployment pull request: rendered, parsed, and kept apart from what people write.

Tengu's part of the body stands between two marker lines. Boxes are state, found by the hidden id of their item
(`<!-- tengu:item:12 -->`) whatever the line looks like by now; everything outside the markers is people's and
survives byte for byte. Task lists: https://github.github.com/gfm/#task-list-items-extension-
"""

from __future__ import annotations

import re
from collections.abc import Mapping

BEGIN = "<!-- tengu:begin -->"
END = "<!-- tengu:end -->"
#: Ends every line of ours that may change, so that it is recognised after somebody removed a marker.
OURS = "<!-- tengu -->"
#: GitHub refuses longer bodies. Counted in UTF-16 units, the largest way of counting; the rest is a margin.
BODY_LIMIT = 65_536

_BEGIN_LINE = re.compile(r"^[^\S\n]*<!--\s*tengu:begin\s*-->[^\S\n]*\r?$", re.MULTILINE)
_END_LINE = re.compile(r"^[^\S\n]*<!--\s*tengu:end\s*-->[^\S\n]*\r?$", re.MULTILINE)
_BOX = re.compile(
    r"^(?P<before>[\s>]*(?:[-*+]|[0-9]{1,9}[.)])[^\S\n]+\[)(?P<tick>[ xX])(?P<after>\][^\S\n].*?"
    r"<!--\s*tengu:item:(?P<item>[1-9][0-9]{0,8})\s*-->.*)$",
    re.MULTILINE,
)
_OURS = re.compile(r"<!--\s*tengu(:(item:[0-9]+|begin|end))?\s*-->")


def title(app: str, environment: str) -> str:
    """Never changes, so that a refresh is no rename."""
    return f"Deploy {app} to {environment}"


def item_marker(number: int) -> str:
    """The hidden id that makes a line the box of that merged pull request."""
    return f"<!-- tengu:item:{number} -->"


def body_length(text: str) -> int:
    """Length as GitHub may count it: UTF-16 units, a line end as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 + text.count("\n")


def parse_ticks(body: str) -> dict[int, bool]:
    """The boxes in a body by item number: any bullet, indentation and `x`; the first line of an item counts.

    Lines between the markers come first; copies that somebody put elsewhere count only where those are gone.
    """
    block = _block(body)
    ticks: dict[int, bool] = {}
    for text in (body[slice(*block)] if block else "", body):
        for match in _BOX.finditer(text):
            ticks.setdefault(int(match["item"]), match["tick"] != " ")
    return ticks


def with_ticks(body: str, ticks: Mapping[int, bool]) -> str:
    """The same body with those boxes set; nothing else changes."""

    def flip(match: re.Match[str]) -> str:
        ticked = ticks.get(int(match["item"]))
        if ticked is None or ticked == (match["tick"] != " "):
            return match[0]
        return f"{match['before']}{'x' if ticked else ' '}{match['after']}"

    return _BOX.sub(flip, body)


def splice(body: str, block: str) -> str:
    """Put our block into a body: in place of the old one, else where half of it is left, else at the end.

    Args:
        body: as GitHub has it; everything outside the markers is kept byte for byte.
        block: as `render` made it, from marker to marker.
    """
    found = _block(body)
    if found is not None:
        return body[: found[0]] + block + body[found[1] :]
    half = _BEGIN_LINE.search(body) or _END_LINE.search(body) or _BOX.search(body)
    if half is None:
        return body + _gap_after(body) + block
    kept_before = _without_ours(body[: half.start()], block)
    kept_after = _without_ours(body[half.end() :].removeprefix("\n"), block)
    return kept_before + block + ("\n" + kept_after if kept_after else "")


def outside(body: str) -> str:
    """What people wrote: the body without our block."""
    found = _block(body)
    return body if found is None else body[: found[0]] + body[found[1] :]


def _block(body: str) -> tuple[int, int] | None:
    """Where our block is, markers included."""
    begin = _BEGIN_LINE.search(body)
    end = _END_LINE.search(body, begin.end()) if begin else None
    return (begin.start(), end.end()) if begin and end else None


def _gap_after(text: str) -> str:
    """What makes the next line a paragraph of its own."""
    if not text or text.endswith("\n\n"):
        return ""
    return "\n" if text.endswith("\n") else "\n\n"


def _without_ours(text: str, block: str) -> str:
    """A text that has lost a marker, without the lines that are recognisably ours; all others stay."""
    ours = set(block.split("\n")) - {""}
    return "\n".join(line for line in text.split("\n") if line.rstrip() not in ours and not _OURS.search(line))
