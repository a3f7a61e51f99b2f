"""Renders Tengu's part of the deployment pull request's body.

The same changeset and ticks give the same text, so that nothing new means no edit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tengu.domain.changeset import Changeset, Commit, Entry
from tengu.domain.deployment_pull_request import BEGIN, BODY_LIMIT, END, OURS, body_length, item_marker
from tengu.domain.text import github_mention, github_name, markdown
from tengu.domain.verifiers import Mention, verifiers

#: Kept free below GitHub's limit, for what people add later.
_MARGIN = 536
_NOTE = "<!-- Tengu writes between these two markers and keeps only the ticks. Your own words are safe outside. -->"
_AGAIN = {"failed": "failed in", "cancelled": "cancelled in", "superseded": "replaced in", "unknown": "unclear in"}


@dataclass(frozen=True)
class Context:
    """What the body says beside the changeset.

    Args:
        mention: who is asked to verify (`verification.mention`).
        branch: the deployment branch.
        running: number of the last succeeded deployment; None if there is none.
        room: characters that the block may take (GitHub's limit less what people wrote).
    """

    mention: Mention
    branch: str
    running: int | None = None
    room: int = BODY_LIMIT


def render(changeset: Changeset, ticks: Mapping[int, bool], context: Context) -> str:
    """Our block, from marker to marker: one box for each merged pull request, commits without one apart.

    What is too long for GitHub is collapsed: first the commits, then the last boxes, and that is said.
    """
    boxes = [
        _box(entry, context.mention, ticked=ticks.get(entry.pull_request.number, False)) for entry in changeset.entries
    ]
    head, room = _head(changeset, context), context.room - _MARGIN
    for commits in (_commits(changeset), _commits_collapsed(changeset)):
        text = _assemble(head, boxes, commits)
        if body_length(text) <= room:
            return text

    def cut(kept: int) -> str:
        return _assemble(head, boxes[:kept], _left_out(changeset, kept) + _commits_collapsed(changeset))

    return cut(_largest(len(boxes), lambda kept: body_length(cut(kept)) <= room))


def _largest(upper: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `upper` that fits, 0 if none does; what is smaller fits too."""
    low = 0
    while low < upper:
        middle = (low + upper + 1) // 2
        low, upper = (middle, upper) if fits(middle) else (low, middle - 1)
    return low


def _assemble(head: list[str], boxes: list[str], rest: list[str]) -> str:
    return "\n".join([BEGIN, _NOTE, *head, *([""] if boxes else []), *boxes, *rest, "", END])


def _head(changeset: Changeset, context: Context) -> list[str]:
    where = f"`{changeset.app}` to `{changeset.environment}`"
    what = _counted(len(changeset.entries), "merged pull request")
    if changeset.commits:
        what += f" and {_counted(len(changeset.commits), 'commit')} without one"
    lines = [f"Merging this deploys {where}: **{what}**{_compare_link(changeset, ' (', ')')}. {OURS}", ""]
    if context.running is None:
        lines.append(f"Nothing was deployed there by Tengu yet: compared with `{context.branch}`. {OURS}")
    else:
        base = _sha(changeset, changeset.base)
        lines.append(f"Since deployment {context.running}, `{changeset.environment}` runs {base}. {OURS}")
    if changeset.truncated:
        lines += ["", f"**Not everything is listed:** {markdown(changeset.truncated)} {OURS}"]
    if changeset.entries:
        say = f"`@tengu verify #{changeset.entries[0].pull_request.number}`"
        lines += [
            "",
            (
                "Tick your box once you have verified your change. "
                f"Ticking here takes write access; without it, say {say} in Slack. {OURS}"
            ),
        ]
    return lines


def _box(entry: Entry, mention: Mention, *, ticked: bool) -> str:
    pull_request = entry.pull_request
    asked = verifiers(pull_request, mention)
    who = " ".join(github_mention(user) for user in asked)
    if pull_request.author not in asked:
        author = github_name(pull_request.author)
        who = f"{author}, to be verified by {who or 'anybody: no person is known for it'}"
    marks = ""
    if entry.again is not None:
        how = _AGAIN.get(entry.again_outcome, "rolled back in")
        marks += f" · **again**, {how} deployment {entry.again}"
    if entry.reverted_by is not None:
        marks += f" · reverted by #{entry.reverted_by}"
    box = f"- [{'x' if ticked else ' '}] {markdown(pull_request.title, 256)} #{pull_request.number} — {who}{marks}"
    return f"{box} {item_marker(pull_request.number)}"


def _commits(changeset: Changeset) -> list[str]:
    if not changeset.commits:
        return []
    lines = ["", f"### Commits without a pull request {OURS}", ""]
    changes = [commit for commit in changeset.commits if len(commit.parents) < 2]
    merges = [commit for commit in changeset.commits if len(commit.parents) >= 2]
    lines += [f"- {_sha(changeset, each.sha)} {markdown(each.title, 256)} — {_author(each)} {OURS}" for each in changes]
    if merges:
        shas = ", ".join(_sha(changeset, each.sha) for each in merges)
        lines.append(f"- {_counted(len(merges), 'merge commit')}: {shas} {OURS}")
    return lines


def _commits_collapsed(changeset: Changeset) -> list[str]:
    if not changeset.commits:
        return []
    count = _counted(len(changeset.commits), "commit")
    where = _compare_link(changeset, " All are in the ", ".")
    return ["", f"**{count} without a pull request** would make this body too long for GitHub.{where} {OURS}"]


def _left_out(changeset: Changeset, kept: int) -> list[str]:
    numbers = changeset.numbers[kept:]
    count = _counted(len(numbers), "more merged pull request")
    shown = " ".join(f"#{number}" for number in numbers[:1000])
    more = f" and {len(numbers) - 1000} more" if len(numbers) > 1000 else ""
    return [
        "",
        (
            f"**{count} belong to this deployment and have no box here**, because GitHub takes no body longer than "
            f"{BODY_LIMIT:,} characters: {shown}{more}. Verify them with `@tengu verify #{numbers[0]}` in Slack."
            f"{_compare_link(changeset, ' Every change is in the ', '.')} {OURS}"
        ),
    ]


def _author(commit: Commit) -> str:
    return github_mention(commit.author) if commit.author is not None else markdown(commit.author_name, 100)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _web_url(changeset: Changeset) -> str:
    """Address of the repository's pages, read off a pull request's; empty where there is none."""
    first = next(iter(changeset.entries), None)
    address, found, _ = first.pull_request.url.rpartition("/pull/") if first is not None else ("", "", "")
    return address if found else ""


def _sha(changeset: Changeset, sha: str) -> str:
    """A linked short sha. The bare sha where the address is not known: GitHub links those by itself."""
    url = _web_url(changeset)
    return f"[`{sha[:7]}`]({url}/commit/{sha})" if url else sha


def _compare_link(changeset: Changeset, before: str, after: str) -> str:
    url = _web_url(changeset)
    return f"{before}[comparison]({url}/compare/{changeset.base}...{changeset.head}){after}" if url else ""
