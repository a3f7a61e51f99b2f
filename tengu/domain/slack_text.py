"""What a person typed into Slack, as the plain words they meant.

Slack escapes `& < >`, wraps links, mentions and channels in angle brackets, and keyboards turn quotes and dashes
into typographic ones. Followed: https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
import unicodedata

_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_QUOTED_LINE = re.compile(r"^[ \t]*(?:&gt;|>).*$", re.MULTILINE)
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^<>]*)?>[\s:,]*")
_LEADING_MENTIONS = re.compile(rf"^\s*(?:{_MENTION.pattern})+")
_EMOJI = re.compile(r":[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?")
_BRACKETED = re.compile(r"<([^<>]*)>")
_TYPOGRAPHIC = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‘": "'", "’": "'", "‚": "'",  # noqa: RUF001  # exactly what has to be replaced
    "\u00a0": " ", "\u202f": " ", "\u3000": " ", "\ufeff": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "",
    "\x00": "",
})  # fmt: skip
_EATEN_DASHES = re.compile(r"(?<!\S)[–—](?=[A-Za-z])")  # noqa: RUF001  # "--force" after autocorrection
_LONGEST_WORD = 63  # no name in tengu.yml is longer; anything longer is only quoted back
_EDGES = ".,!?;:*~\"'()"


def strip_mention(text: str) -> str:
    """The text behind the mentions it starts with; the text itself where it starts with none."""
    return _LEADING_MENTIONS.sub("", text, count=1)


def behind_mention(text: str) -> str:
    """What stands behind the first mention that the text does not start with (`hey @tengu …`); empty without one."""
    match = _MENTION.search(strip_mention(text))
    return strip_mention(text)[match.end() :].strip() if match else ""


def spoken(text: str) -> str:
    """Text without quoted lines and code, without Slack's markup, with plain quotes, dashes and spaces.

    Line ends stay; nothing is lower-cased.
    """
    text = strip_mention(text)
    text = _INLINE_CODE.sub(" ", _FENCED.sub(" ", text))
    text = _QUOTED_LINE.sub("", text)
    text = _BRACKETED.sub(_unwrap, text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _EATEN_DASHES.sub("--", text.translate(_TYPOGRAPHIC)).strip()


def _unwrap(match: re.Match[str]) -> str:
    """`<@U1|ann>` -> `@ann`, `<#C1|ops>` -> `#ops`, `<!here>` -> `@here`, `<https://x|label>` -> `label`."""
    content, _, label = match[1].partition("|")
    if content.startswith(("@", "#")):
        return content[0] + (label or content[1:])
    if content.startswith("!"):
        return label or "@" + content[1:].partition("^")[0]
    return label or content.removeprefix("mailto:")


def says_nothing(token: str) -> bool:
    """An emoji or punctuation: `:rocket:`, `🚀`, `-`, `!`."""
    return _EMOJI.fullmatch(token) is not None or not any(character.isalnum() for character in token)


def word(token: str) -> str:
    """A token as a command, app or environment would be written: lower case, half-width, no punctuation around."""
    plain = unicodedata.normalize("NFKC", token).casefold().strip(_EDGES)
    plain = plain.strip("_") if plain.startswith("_") and plain.endswith("_") else plain
    return plain if len(plain) <= _LONGEST_WORD else plain[:_LONGEST_WORD] + "…"
