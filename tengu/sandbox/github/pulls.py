"""What people and programs do with pull requests and their comments."""

from __future__ import annotations

from tengu.sandbox.github import branches, payloads
from tengu.sandbox.github.errors import custom, invalid
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, Comment, Edit, PullRequest, Repository

MAX_BODY = 65_536


def create(
    hub: Hub, repository: Repository, by: Account, *, title: str, body: str, head: str, base: str, draft: bool = False
) -> PullRequest:
    """Open one between two branches. Raises `GitHubError` 422 in GitHub's words."""
    head = head.removeprefix(f"{repository.owner.login}:")
    head_sha, base_sha = repository.head(head), repository.head(base)
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    if base_sha is None:
        raise invalid("PullRequest", "base")
    if head_sha is None:
        raise invalid("PullRequest", "head")
    _check_length("PullRequest", body)
    if any(one.closed_at is None and (one.head, one.base) == (head, base) for one in repository.pulls.values()):
        raise custom("PullRequest", f"A pull request already exists for {repository.owner.login}:{head}.")
    if repository.history.merge_base(base_sha, head_sha) is None:
        raise custom("PullRequest", f"The {head} branch has no history in common with {base}")
    if not repository.history.between(base_sha, head_sha):
        raise custom("PullRequest", f"No commits between {base} and {head}")
    return _open(hub, repository, by, title, body, (head, head_sha), (base, base_sha), draft=draft)


def _open(
    hub: Hub,
    repository: Repository,
    by: Account,
    title: str,
    body: str,
    head: tuple[str, str],
    base: tuple[str, str],
    *,
    draft: bool,
) -> PullRequest:
    now = hub.now()
    pull = PullRequest(
        id=hub.next_id(),
        number=max(repository.pulls, default=0) + 1,
        title=title.strip(),
        body=body,
        author=by,
        head=head[0],
        base=base[0],
        head_sha=head[1],
        base_sha=base[1],
        created_at=now,
        updated_at=now,
        draft=draft,
    )
    repository.pulls[pull.number] = pull
    repository.refs.set(f"refs/pull/{pull.number}/head", pull.head_sha)
    hub.emit("pull_request", lambda: payloads.pull_request(hub, repository, pull, "opened", by))
    return pull


def edit(
    hub: Hub,
    repository: Repository,
    pull: PullRequest,
    by: Account,
    *,
    title: str | None = None,
    body: str | None = None,
) -> None:
    """Change title or body; sends `edited` with what it was before, unless nothing changes."""
    changes = {}
    if title is not None and title.strip() != pull.title:
        changes["title"] = {"from": pull.title}
        pull.title = title.strip()
    if body is not None and body != pull.body:
        _check_length("PullRequest", body)
        changes["body"] = {"from": pull.body}
        _record_edit(hub, pull, by, body)
    if not changes:
        return
    pull.updated_at = hub.now()
    hub.emit(
        "pull_request",
        lambda: {**payloads.pull_request(hub, repository, pull, "edited", by), "changes": changes},
    )


def _record_edit(hub: Hub, text: PullRequest | Comment, by: Account, body: str) -> None:
    if not text.edits:  # GitHub lists the original as the first version once there is a second
        text.edits.append(Edit(hub.next_id(), text.created_at, text.author, text.body))
    text.edits.append(Edit(hub.next_id(), hub.now(), by, body))
    text.body = body


def _check_length(resource: str, body: str) -> None:
    if len(body) > MAX_BODY:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {MAX_BODY} characters)")


def set_state(hub: Hub, repository: Repository, pull: PullRequest, by: Account, state: str) -> None:
    """Close it unmerged, or open it again. Raises `GitHubError` 422 where GitHub does."""
    if state not in {"open", "closed"}:
        raise invalid("PullRequest", "state")
    if state == pull.state:
        return
    if state == "closed":
        branches.close(hub, repository, pull, by)
        return
    head_sha, base_sha = repository.head(pull.head), repository.head(pull.base)
    if pull.merged_at is not None or head_sha is None or base_sha is None:
        raise custom("PullRequest", "state cannot be changed. The pull request cannot be reopened.")
    pull.closed_at, pull.head_sha, pull.base_sha, pull.updated_at = None, head_sha, base_sha, hub.now()
    hub.emit("pull_request", lambda: payloads.pull_request(hub, repository, pull, "reopened", by))


def comment(hub: Hub, pull: PullRequest, by: Account, body: str) -> Comment:
    """Comment on it."""
    if not body:
        raise invalid("IssueComment", "body", "missing_field")
    _check_length("IssueComment", body)
    now = hub.now()
    made = Comment(hub.next_id(), pull.number, body, by, now, now)
    pull.comments.append(made)
    pull.updated_at = now
    return made


def edit_comment(hub: Hub, made: Comment, by: Account, body: str) -> None:
    """Change a comment."""
    _check_length("IssueComment", body)
    if body != made.body:
        _record_edit(hub, made, by, body)
        made.updated_at = hub.now()
