"""REST: pull requests and their comments."""

from __future__ import annotations

from starlette.responses import Response

from tengu.sandbox.github import facts, merging, pulls, render_pulls
from tengu.sandbox.github.call import Call, answer
from tengu.sandbox.github.errors import GitHubError, invalid, not_found
from tengu.sandbox.github.model import METHODS, Comment, PullRequest, Repository


def list_pulls(call: Call) -> Response:
    """GET …/pulls. `head` counts only as `owner:branch`: GitHub ignores a bare branch name."""
    repository, query = call.repository("pull_requests"), call.query
    found = [pull for pull in repository.pulls.values() if query.get("state", "open") in ("all", pull.state)]
    owner, colon, branch = query.get("head", "").partition(":")
    if colon:
        same = owner.lower() == repository.owner.login.lower()
        found = [pull for pull in found if same and pull.head == branch]
    if "base" in query:
        found = [pull for pull in found if pull.base == query["base"]]
    by_update = query.get("sort") == "updated"
    found.sort(key=lambda pull: (pull.updated_at if by_update else pull.created_at, pull.number))
    if query.get("direction", "asc" if query.get("sort", "created") != "created" else "desc") == "desc":
        found.reverse()
    return call.page(found, lambda pull: render_pulls.pull(call.render, repository, pull))


def create_pull(call: Call) -> Response:
    """POST …/pulls."""
    repository = call.repository("pull_requests", "write")
    for name in ("head", "base"):
        if not call.text(name):
            raise invalid("PullRequest", name, "missing_field")
    made = pulls.create(
        call.hub,
        repository,
        call.actor,
        title=call.text("title"),
        body=call.text("body"),
        head=call.text("head"),
        base=call.text("base"),
        draft=bool(call.body.get("draft")),
    )
    return answer(render_pulls.full_pull(call.render, repository, made), 201)


def get_pull(call: Call) -> Response:
    """GET …/pulls/{number}."""
    repository = call.repository("pull_requests")
    return answer(render_pulls.full_pull(call.render, repository, call.pull_request(repository)))


def edit_pull(call: Call) -> Response:
    """PATCH …/pulls/{number}: title, body, state."""
    repository = call.repository("pull_requests", "write")
    pull = call.pull_request(repository)
    title = call.text("title") if "title" in call.body else None
    body = call.text("body") if "body" in call.body else None
    pulls.edit(call.hub, repository, pull, call.actor, title=title, body=body)
    if "state" in call.body:
        pulls.set_state(call.hub, repository, pull, call.actor, call.text("state"))
    return answer(render_pulls.full_pull(call.render, repository, pull))


def is_merged(call: Call) -> Response:
    """GET …/pulls/{number}/merge."""
    if call.pull_request(call.repository("pull_requests")).merged_at is None:
        raise not_found()
    return answer(None, 204)


def merge_pull(call: Call) -> Response:
    """PUT …/pulls/{number}/merge."""
    repository = call.repository("contents", "write")
    pull, asked = call.pull_request(repository), call.text("merge_method") or "merge"
    method = next((one for one in METHODS if one == asked), None)
    if method is None:
        raise invalid("PullRequest", "merge_method")
    sha = merging.merge(
        call.hub,
        repository,
        pull,
        call.actor,
        method,
        expected_head=call.text("sha") or None,
        title=call.text("commit_title") or None,
        message=call.text("commit_message") or None,
    )
    return answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def pull_commits(call: Call) -> Response:
    """GET …/pulls/{number}/commits: at most 250."""
    repository = call.repository("pull_requests")
    shas = facts.commits_of(repository, call.pull_request(repository))[:250]
    return call.page(shas, lambda sha: call.render.commit(repository, repository.store.commit(sha)))


def pull_files(call: Call) -> Response:
    """GET …/pulls/{number}/files."""
    repository = call.repository("pull_requests")
    pull = call.pull_request(repository)
    files = repository.diffs.between(*facts.pull_trees(repository, pull))
    return call.page(files, lambda file: call.render.file(repository, pull.head_sha, file))


def list_comments(call: Call) -> Response:
    """GET …/issues/{number}/comments."""
    repository = call.repository("issues")
    comments = call.pull_request(repository).comments
    return call.page(comments, lambda one: render_pulls.comment(call.render, repository, one))


def create_comment(call: Call) -> Response:
    """POST …/issues/{number}/comments."""
    repository = call.repository("issues", "write")
    made = pulls.comment(call.hub, call.pull_request(repository), call.actor, call.text("body"))
    return answer(render_pulls.comment(call.render, repository, made), 201)


def _comment(call: Call, repository: Repository) -> Comment:
    found = repository.comment(int(call.params["comment_id"]))
    if found is None:
        raise not_found()
    return found


def get_comment(call: Call) -> Response:
    """GET …/issues/comments/{comment_id}."""
    repository = call.repository("issues")
    return answer(render_pulls.comment(call.render, repository, _comment(call, repository)))


def edit_comment(call: Call) -> Response:
    """PATCH …/issues/comments/{comment_id}."""
    repository = call.repository("issues", "write")
    comment = _comment(call, repository)
    pulls.edit_comment(call.hub, comment, call.actor, call.text("body"))
    return answer(render_pulls.comment(call.render, repository, comment))


def delete_comment(call: Call) -> Response:
    """DELETE …/issues/comments/{comment_id}."""
    repository = call.repository("issues", "write")
    comment = _comment(call, repository)
    repository.pulls[comment.pull_request].comments.remove(comment)
    return answer(None, 204)


def add_labels(call: Call) -> Response:
    """POST …/issues/{number}/labels."""
    repository = call.repository("issues", "write")
    pull: PullRequest = call.pull_request(repository)
    names = call.body.get("labels", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise GitHubError(422, "Invalid request.\n\n'labels' is not a list of names.")
    pull.labels += [name for name in names if name not in pull.labels]
    return answer(render_pulls.pull(call.render, repository, pull)["labels"])
