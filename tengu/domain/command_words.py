"""A cursor over the words of one command: each method takes what it reads away, `done` refuses what is left."""

from __future__ import annotations

import re
from datetime import timedelta

from tengu.domain.duration import parse_duration
from tengu.domain.slack_text import says_nothing, word
from tengu.errors import Refused

_NUMBER = re.compile(r"#?([1-9][0-9]{0,8})")
_PULL_REQUEST_URL = re.compile(r"https?://\S+/pull/([1-9][0-9]{0,8})(?:[/?#]\S*)?")
_LOGIN = re.compile(r"@?([A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38})")
_NOISE = frozenset({"to", "on", "and", "please"})


class Words:
    """The words of one message.

    Args:
        text: plain text without markup.
        names: every app and environment name.

    Every method raises `Refused("usage", …)` for words it cannot read; `usage` is the sentence that then says
    what to type.
    """

    def __init__(self, text: str, names: frozenset[str] = frozenset()) -> None:
        self._tokens = text.split()
        self._names = names
        self.usage = ""

    def wrong(self, fact: str) -> Refused:
        """The refusal of this command with that fact."""
        return Refused("usage", fact, self.usage)

    def rest(self) -> str:
        """What has not been read, as typed."""
        return " ".join(self._tokens)

    def next_word(self) -> str:
        """The next word, normalised; empty if there is none."""
        while self._tokens:
            if found := word(self._tokens.pop(0)):
                return found
        return ""

    def done(self) -> None:
        """Refuse words that nobody has read."""
        left = [token for token in self._tokens if not _is_noise(token)]
        if left:
            raise self.wrong(f"I do not know what {word(left[0])!r} means here.")

    def target(self) -> tuple[str, ...]:
        """All remaining words as environment and app; two at most."""
        found = tuple(word(token) for token in self._tokens if not _is_noise(token))
        if len(found) > 2:
            raise self.wrong(f"An environment and an app are enough; {found[2]!r} is one word too many.")
        self._tokens = []
        return found

    def leading_target(self) -> tuple[str, ...]:
        """The first word, and the second one where both are names of apps or environments."""
        first = self.next_word()
        if not first:
            return ()
        second = word(self._tokens[0]) if self._tokens else ""
        if second in self._names and {first, second} <= self._names:
            return (first, self.next_word())
        return (first,)

    def numbers(self, until: str = "") -> tuple[int, ...]:
        """Pull request numbers, with or without `#`, or their addresses; at least one, each once.

        Args:
            until: the word that ends the list, taken away with it.
        """
        found: dict[int, None] = {}
        while self._tokens:
            token = self._tokens.pop(0)
            if until and word(token) == until:
                break
            for part in token.split(","):
                if not _is_noise(part):
                    found[self._number(part)] = None
        if not found:
            raise self.wrong("Which pull requests?")
        return tuple(found)

    def optional_number(self) -> int | None:
        """A number, if there is a word."""
        return self._number(self._tokens.pop(0)) if self._tokens else None

    def number_after(self, keyword: str) -> int | None:
        """The number behind the last `keyword`, if the message ends in such a pair (`to 41`)."""
        if self._tokens and word(self._tokens[-1]) == keyword:
            raise self.wrong(f"Which number is meant by {keyword!r}?")
        if len(self._tokens) >= 2 and word(self._tokens[-2]) == keyword:
            _, last = self._tokens.pop(-2), self._tokens.pop()
            return self._number(last)
        return None

    def text_after(self, keyword: str) -> tuple[bool, str]:
        """Is that word there, and what stands behind it, as typed?"""
        for index, token in enumerate(self._tokens):
            head, colon, tail = token.partition(":")
            if word(head) == keyword:
                behind = [tail] if colon and tail else []
                text = " ".join([*behind, *self._tokens[index + 1 :]]).lstrip(": ")
                self._tokens = self._tokens[:index]
                return True, text
        return False, ""

    def flag(self, name: str) -> bool:
        """Was `--name` (or `-name`) given? Removes it."""
        wanted = name.lstrip("-")
        left = [token for token in self._tokens if not (token.startswith("-") and word(token).lstrip("-") == wanted)]
        given = len(left) < len(self._tokens)
        self._tokens = left
        return given

    def duration(self) -> timedelta | None:
        """`2h`, `for 2h`, or nothing."""
        if self._tokens and word(self._tokens[0]) == "for":
            self._tokens.pop(0)
        return self._duration(self._tokens.pop(0)) if self._tokens else None

    def duration_and_text(self) -> tuple[timedelta | None, str]:
        """`[for 2h] [why]`; `for 2h` may also end it."""
        duration, tokens = None, self._tokens
        for start in (0, len(tokens) - 2):
            pair = tokens[start : start + 2] if start >= 0 else []
            if len(pair) == 2 and word(pair[0]) == "for" and _is_duration(pair[1]):
                duration, tokens = self._duration(pair[1]), tokens[:start] + tokens[start + 2 :]
                break
        self._tokens = []
        return duration, " ".join(tokens)

    def login(self) -> str:
        """One GitHub login."""
        token = self._tokens.pop(0).strip("*_`'\"") if self._tokens else ""
        match = _LOGIN.fullmatch(token.removeprefix("https://github.com/"))
        if match is None:
            raise self.wrong("Which GitHub account?" if not token else f"{word(token)!r} is not a GitHub login.")
        return match[1]

    def _number(self, token: str) -> int:
        match = _PULL_REQUEST_URL.fullmatch(token) or _NUMBER.fullmatch(word(token))
        if match is None:
            raise self.wrong(f"{word(token)!r} is not a number.")
        return int(match[1])

    def _duration(self, token: str) -> timedelta:
        try:
            return parse_duration(word(token))
        except ValueError:
            raise self.wrong(f"{word(token)!r} is not a duration like 90s, 30m, 2h or 1d.") from None


def _is_noise(token: str) -> bool:
    return says_nothing(token) or word(token) in _NOISE


def _is_duration(token: str) -> bool:
    try:
        parse_duration(word(token))
    except ValueError:
        return False
    return True
