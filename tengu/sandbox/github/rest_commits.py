"""REST: commits, comparisons, statuses."""

from __future__ import annotations

from starlette.responses import Response

from tengu.sandbox.github import render_pulls
from tengu.sandbox.github.associations import associated
from tengu.sandbox.github.call import Call, answer
from tengu.sandbox.github.errors import GitHubError, invalid, not_found
from tengu.sandbox.github.model import Repository, Status
from tengu.sandbox.github.objects import CommitObject
from tengu.sandbox.github.render import Json
from tengu.sandbox.github.trees import EMPTY_TREE, find

COMPARE_PAGE, COMPARE_MAX = 250, 1000
MAX_FILES = 300
MAX_DESCRIPTION = 140
STATES = ("error", "failure", "pending", "success")


def resolve(repository: Repository, name: str) -> str | None:
    """Commit that a branch, tag, full ref or sha means."""
    for prefix in ("refs/heads/", "refs/tags/", "refs/", ""):
        if (prefix or name.startswith("refs/")) and (sha := repository.refs.get(prefix + name)):
            return sha
    if len(name) == 40 and repository.store.has_commit(name):
        return name
    return None


def _commit(repository: Repository, name: str) -> CommitObject:
    sha = resolve(repository, name)
    if sha is None:
        raise GitHubError(422, f"No commit found for SHA: {name}")
    return repository.store.commit(sha)


def list_commits(call: Call) -> Response:
    """GET …/commits with `sha` and `path`, newest first."""
    repository = call.repository("contents")
    sha = resolve(repository, call.query.get("sha") or repository.default_branch)
    if sha is None:
        raise not_found()
    found = repository.history.log(sha)
    if path := call.query.get("path"):
        found = tuple(commit for commit in found if _touches(repository, commit, path))
    return call.page(found, lambda commit: call.render.commit(repository, commit))


def _touches(repository: Repository, commit: CommitObject, path: str) -> bool:
    store = repository.store
    was = store.commit(commit.parents[0]).tree if commit.parents else EMPTY_TREE
    before = None if was == EMPTY_TREE else find(store, was, path)
    return before != find(store, commit.tree, path)


def get_commit(call: Call) -> Response:
    """GET …/commits/{ref}."""
    repository = call.repository("contents")
    commit = _commit(repository, call.params["ref"])
    was = repository.store.commit(commit.parents[0]).tree if commit.parents else EMPTY_TREE
    files = repository.diffs.between(was, commit.tree)
    added, removed = sum(file.additions for file in files), sum(file.deletions for file in files)
    return answer(
        {
            **call.render.commit(repository, commit),
            "stats": {"total": added + removed, "additions": added, "deletions": removed},
            "files": [call.render.file(repository, commit.sha, file) for file in files[:MAX_FILES]],
        }
    )


def get_git_commit(call: Call) -> Response:
    """GET …/git/commits/{sha}."""
    repository = call.repository("contents")
    if not repository.store.has_commit(call.params["sha"]):
        raise not_found()
    return answer(call.render.git_commit(repository, repository.store.commit(call.params["sha"])))


def compare(call: Call) -> Response:
    """GET …/compare/{base}...{head}: 250 commits a page unless `per_page` says otherwise, files on the first."""
    repository = call.repository("contents")
    base, head = _ends(repository, call.params["basehead"])
    history = repository.history
    middle = history.merge_base(base.sha, head.sha)
    if middle is None:
        raise GitHubError(404, f"No common ancestor between {base.sha} and {head.sha}.")
    ahead, behind = history.between(base.sha, head.sha), len(history.between(head.sha, base.sha))
    part, link = call.cut(ahead, COMPARE_PAGE, COMPARE_MAX)
    files = repository.diffs.between(repository.store.commit(middle).tree, head.tree)
    first = call.query.get("page", "1") == "1"
    return answer(
        {
            **_addresses(call, repository, base.sha, head.sha),
            "base_commit": call.render.commit(repository, base),
            "merge_base_commit": call.render.commit(repository, repository.store.commit(middle)),
            "status": comparison_status(len(ahead), behind),
            "ahead_by": len(ahead),
            "behind_by": behind,
            "total_commits": len(ahead),
            "commits": [call.render.commit(repository, commit) for commit in part],
            "files": [call.render.file(repository, head.sha, file) for file in files[:MAX_FILES]] if first else [],
        },
        headers=link,
    )


def comparison_status(ahead: int, behind: int) -> str:
    """How GitHub calls it."""
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


def _ends(repository: Repository, text: str) -> tuple[CommitObject, CommitObject]:
    shas = []
    for name in text.split("...", 1):
        owner, _, branch = name.rpartition(":")
        known = owner.lower() in ("", repository.owner.login.lower(), repository.full_name.replace("/", ":").lower())
        sha = resolve(repository, branch) if known else None
        if sha is None:
            raise not_found()
        shas.append(sha)
    if len(shas) != 2:
        raise not_found()
    return repository.store.commit(shas[0]), repository.store.commit(shas[1])


def _addresses(call: Call, repository: Repository, base: str, head: str) -> Json:
    page = f"{call.render.repo_web(repository)}/compare/{call.params['basehead']}"
    return {
        "url": call.render.api + call.path,
        "html_url": page,
        "permalink_url": f"{call.render.repo_web(repository)}/compare/{base}...{head}",
        "diff_url": page + ".diff",
        "patch_url": page + ".patch",
    }


def pulls_of_commit(call: Call) -> Response:
    """GET …/commits/{sha}/pulls."""
    repository = call.repository("pull_requests")
    found = associated(call.hub, repository, _commit(repository, call.params["ref"]).sha)
    return call.page(found, lambda pull: render_pulls.pull(call.render, repository, pull))


def create_status(call: Call) -> Response:
    """POST …/statuses/{sha}."""
    repository, sha = call.repository("statuses", "write"), call.params["sha"]
    if not repository.store.has_commit(sha):
        raise GitHubError(422, f"No commit found for SHA: {sha}")
    state, description = call.text("state"), call.text("description")
    if state not in STATES:
        raise invalid("Status", "state")
    if len(description) > MAX_DESCRIPTION:
        raise invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
    made = Status(
        id=call.hub.next_id(),
        sha=sha,
        state=state,
        context=call.text("context") or "default",
        description=description or None,
        target_url=call.text("target_url") or None,
        creator=call.actor,
        created_at=call.hub.now(),
    )
    repository.statuses.setdefault(sha, []).append(made)
    return answer(render_pulls.status(call.render, repository, made), 201)


def list_statuses(call: Call) -> Response:
    """GET …/commits/{ref}/statuses, newest first."""
    repository = call.repository("statuses")
    found = repository.statuses.get(_commit(repository, call.params["ref"]).sha, [])
    return call.page(found[::-1], lambda one: render_pulls.status(call.render, repository, one))


def combined_status(call: Call) -> Response:
    """GET …/commits/{ref}/status: the last one of each context, and what they come to."""
    repository = call.repository("statuses")
    sha = _commit(repository, call.params["ref"]).sha
    latest = {one.context: one for one in repository.statuses.get(sha, ())}
    states = {one.state for one in latest.values()}
    bad = bool(states & {"error", "failure"})
    root = call.render.repo_api(repository)
    return answer(
        {
            "state": "failure" if bad else "success" if states == {"success"} else "pending",
            "statuses": [render_pulls.simple_status(call.render, repository, one) for one in latest.values()],
            "sha": sha,
            "total_count": len(latest),
            "repository": call.render.repository(repository),
            "commit_url": f"{root}/commits/{sha}",
            "url": f"{root}/commits/{sha}/status",
        }
    )
