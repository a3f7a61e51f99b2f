"""Slack's mrkdwn as lines for a terminal."""

from __future__ import annotations

import html
import re

EMOJI = {
    "white_check_mark": "✓", "x": "✗", "hourglass_flowing_sand": "…", "hourglass": "…", "rocket": "▸",
    "leftwards_arrow_with_hook": "↩", "no_entry": "✗", "no_entry_sign": "✗", "fast_forward": "»",
    "grey_question": "?", "raised_hand": "‖", "lock": "‖", "unlock": "✓", "memo": "·", "warning": "!",
    "ballot_box_with_check": "☐", "white_small_square": "·",
}  # fmt: skip
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]+)\|([^>]*)>")
_MENTION = re.compile(r"<@([A-Z0-9]+)>")
_EMOJI = re.compile(r":([a-z_]+):")
_BOLD = re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)")
_CODE = re.compile(r"`([^`\n]*)`")


def plain(text: str) -> str:
    """Links show their address, times their UTC form, commands lose the mention that only chat needs."""
    text = _DATE.sub(r"\1", text)
    text = _LINK.sub(r"\2 (\1)", text)
    text = _MENTION.sub(r"@\1", text)
    text = _EMOJI.sub(lambda match: EMOJI.get(match[1], match[0]), text)
    text = _CODE.sub(lambda match: match[1].replace("@tengu ", "tengu "), _BOLD.sub(r"\1", text))
    return html.unescape(text).replace("\u200b", "")
