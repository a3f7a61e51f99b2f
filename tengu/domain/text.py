"""Text from people, made harmless for where it goes: GitHub Markdown, Slack mrkdwn, a log line.

Titles, names and branch names are hostile: they may mention people, forge a checkbox, close an HTML comment or
reorder what is read. Each place has one function here, and nothing else escapes text.
"""

from __future__ import annotations

import re

from tengu.domain.people import GitHubUser

#: Controls, line and paragraph separators, bidirectional overrides (they make text read differently from what it
#: says), lone surrogates (they cannot be encoded) and the byte order mark.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_WHITESPACE = re.compile(r"\s+")
_MARKDOWN_MARKUP = re.compile(r"([\\`*_\[\]~|$])")
#: Backslashes don't stop GitHub from linking `@name`, `#12`, `GH-12` and addresses: it does so after rendering.
_MARKDOWN_LINKS = re.compile(r"([@#]|://|\bwww(?=\.)|\bgh(?=-))", re.IGNORECASE)
_ZERO_WIDTH = "\u200b"
_ZERO_WIDTH_ENTITY = "&#8203;"
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def one_line(text: str, limit: int | None = None) -> str:
    """One printable line, for logs and as the first half of every other escape.

    Args:
        limit: characters; what is longer ends in `…`.
    """
    line = _WHITESPACE.sub(" ", _UNPRINTABLE.sub(" ", text)).strip()
    if limit is not None and len(line) > limit:
        return line[: limit - 1].rstrip() + "…"
    return line


def markdown(text: str, limit: int | None = None) -> str:
    """Inline GitHub Markdown that shows exactly `text`: no markup, mention, reference, link or HTML.

    GitHub Flavored Markdown, https://github.github.com/gfm/ (backslash escapes, entities).
    """
    escaped = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN_MARKUP.sub(r"\\\1", escaped)
    return _MARKDOWN_LINKS.sub(_break_link, escaped)


def _break_link(match: re.Match[str]) -> str:
    return match[1][0] + _ZERO_WIDTH_ENTITY + match[1][1:]


def mrkdwn(text: str, limit: int | None = None) -> str:
    """Slack mrkdwn that shows `text`: no mention, `<!channel>`, link, quote or emphasis.

    https://docs.slack.dev/messaging/formatting-message-text: only & < > have escapes; the characters of emphasis
    have none, so zero-width spaces keep them from touching a word.
    """
    escaped = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"[*~`]|(?<!\w)_|_(?!\w)", rf"{_ZERO_WIDTH}\g<0>{_ZERO_WIDTH}", escaped)
    escaped = escaped.replace("://", f":{_ZERO_WIDTH}//")
    escaped = re.sub(r"\b(www|mailto)(?=[.:])", rf"\1{_ZERO_WIDTH}", escaped, flags=re.IGNORECASE)
    escaped = re.sub(r"[@#](?=\w)", rf"\g<0>{_ZERO_WIDTH}", escaped)
    return _ZERO_WIDTH + escaped if escaped.startswith("&gt;") else escaped


def github_mention(user: GitHubUser | None) -> str:
    """`@login` in GitHub Markdown; the plain name of a bot; `a deleted account` where GitHub knows nobody."""
    if user is None:
        return "a deleted account"
    if user.is_bot or not _LOGIN.fullmatch(user.login):
        return markdown(user.login)
    return f"@{user.login}"


def github_name(user: GitHubUser | None) -> str:
    """The login in GitHub Markdown, mentioning nobody."""
    return "a deleted account" if user is None else markdown(user.login)
