"""Writes a pull request's body without losing what a person writes at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tengu.ports.code_host import CodeHost, PullRequest

#: How often a body is written again because somebody edited it at the same moment.
_TRIES = 4


@dataclass(frozen=True)
class Edited:
    """A pull request after an edit.

    Args:
        written: False if nothing had to be changed.
    """

    pull_request: PullRequest
    written: bool


def edit_body(code_host: CodeHost, repository: str, number: int, make: Callable[[str], str]) -> Edited:
    """Turn the body into what `make` makes of it, and look again until that is what stands there.

    GitHub's PATCH has no If-Match. So the body is read right before; and right after, GitHub's list of versions
    tells whether a person's version came in between and was overwritten: then it is made anew from that one.

    Args:
        make: called with the body people left; must be stable (`make(make(x)) == make(x)`).

    Raises:
        ServiceError: GitHub could not be asked.
    """
    pull_request, written = code_host.pull_request(repository, number), False
    left = pull_request.body
    for _ in range(_TRIES):
        body = make(left)
        if body == pull_request.body:
            break
        code_host.edit_pull_request(repository, number, body=body)
        written = True
        pull_request = code_host.pull_request(repository, number)
        lost = _overwritten(code_host, repository, number, left) if pull_request.body == body else None
        left = pull_request.body if lost is None else lost
    return Edited(pull_request, written)


def _overwritten(code_host: CodeHost, repository: str, number: int, left: str) -> str | None:
    """The version below ours, the newest one, if it is not the one that ours was made from."""
    edits = [edit.body for edit in code_host.body_edits(repository, number)]
    return edits[1] if len(edits) > 1 and edits[1] not in (left, edits[0]) else None
