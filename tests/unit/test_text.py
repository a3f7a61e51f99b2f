"""Hostile text stays text wherever it goes."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.people import GitHubUser
from tengu.domain.text import github_mention, markdown, mrkdwn, one_line

_NASTY = st.text(st.sampled_from("a1 @#<>&!-[]xX*_~`|$\\:/.\n\r\t\u202e\u200b\x00()wWgGhH"), max_size=60) | st.text()


def _shown_by_github(markup: str) -> str:
    """What a reader sees: backslashes and entities gone, zero-width spaces invisible."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markup)).replace("\u200b", "")


@given(_NASTY)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    escaped = markdown(text)
    assert _shown_by_github(escaped) == one_line(text)
    assert not re.search(r"[<>\n\r]|@(?!&#8203;)|://|(?<!&)#(?!&#8203;)", escaped)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]~|$]", escaped)


@given(_NASTY)
def test_mrkdwn_has_no_control_sequence(text: str) -> None:
    escaped = mrkdwn(text)
    assert html.unescape(escaped).replace("\u200b", "") == one_line(text)
    assert not re.search(r"[<>\n\r]|&(?!amp;|lt;|gt;)|://|@\w", escaped)
    assert not re.search(r"(?<!\u200b)[*~`]|[*~`](?!\u200b)", escaped)


@given(_NASTY, st.integers(1, 20))
def test_one_line_is_one_short_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert "\u202e" not in line
    line.encode()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Pay @everyone", "Pay @&#8203;everyone"),
        ("--> <!-- tengu:end -->", "--&gt; &lt;!-- tengu:end --&gt;"),
        ("- [x] forged #12", r"- \[x\] forged #&#8203;12"),
        ("snake_case **bold**", r"snake\_case \*\*bold\*\*"),
        ("see https://evil.example", "see :&#8203;//evil.example".replace(":", "https:", 1)),
        ("a\u202eb\r\nc", "a b c"),
        ("fixes GH-12", "fixes G&#8203;H-12"),
    ],
)
def test_markdown_examples(title: str, expected: str) -> None:
    assert markdown(title) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@\u200bU1&gt;"),
        ("snake_case", "snake_case"),
        ("_emphasis_", "\u200b_\u200bemphasis\u200b_\u200b"),
        ("> quote", "\u200b&gt; quote"),
        ("https://evil.example", "https:\u200b//evil.example"),
    ],
)
def test_mrkdwn_examples(text: str, expected: str) -> None:
    assert mrkdwn(text) == expected


def test_bots_and_ghosts_are_shown_but_not_mentioned() -> None:
    assert github_mention(GitHubUser("alice")) == "@alice"
    assert github_mention(GitHubUser("dependabot[bot]", is_bot=True)) == r"dependabot\[bot\]"
    assert github_mention(GitHubUser("no such @login")) == "no such @&#8203;login"
    assert github_mention(None) == "a deleted account"
