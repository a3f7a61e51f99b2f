"""Bodies of webhooks (https://docs.github.com/webhooks/webhook-events-and-payloads)."""

from __future__ import annotations

from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, PullRequest, Repository
from tengu.sandbox.github.objects import CommitObject, Signature
from tengu.sandbox.github.refs import ZERO
from tengu.sandbox.github.render import Json, Render, iso, node_id
from tengu.sandbox.github.render_pulls import full_pull

MAX_COMMITS = 2048


def _common(render: Render, repository: Repository, sender: Account) -> Json:
    common: Json = {"repository": render.repository(repository), "sender": render.user(sender)}
    owner = repository.owner
    if owner.kind == "Organization":
        common["organization"] = _organization(render, owner)
    for app in render.hub.apps.values():
        common["installation"] = {
            "id": app.installation_id,
            "node_id": node_id("Installation", app.installation_id),
        }
    return common


def _organization(render: Render, owner: Account) -> Json:
    url = f"{render.api}/orgs/{owner.login}"
    names = ("repos", "events", "hooks", "issues")
    return {
        "login": owner.login,
        "id": owner.id,
        "node_id": node_id("Organization", owner.id),
        "url": url,
        **{f"{name}_url": f"{url}/{name}" for name in names},
        "members_url": url + "/members{/member}",
        "public_members_url": url + "/public_members{/member}",
        "avatar_url": f"{render.web}/avatars/{owner.id}",
        "description": None,
    }


def pull_request(hub: Hub, repository: Repository, pull: PullRequest, action: str, sender: Account) -> Json:
    """`pull_request` with this action. GitHub has not tried the merge yet when it sends this."""
    render = Render(hub, hub.url)
    body = full_pull(render, repository, pull, tried=False)
    for end in ("head", "base"):
        body[end]["repo"] |= render.merge_settings(repository)
    return {
        "action": action,
        "number": pull.number,
        "pull_request": body,
        **_common(render, repository, sender),
    }


def push(hub: Hub, repository: Repository, ref: str, before: str | None, after: str | None, by: Account) -> Json:
    """`push`: a ref was created (no before), moved, or deleted (no after)."""
    render = Render(hub, hub.url)
    history = repository.history
    known = before or repository.head(repository.default_branch)
    new = history.between(known, after) if known and after else ()
    common = _common(render, repository, by)
    stamps = {"created_at": int(repository.created_at.timestamp()), "pushed_at": int(repository.pushed_at.timestamp())}
    return {
        "ref": ref,
        "before": before or ZERO,
        "after": after or ZERO,
        "created": before is None,
        "deleted": after is None,
        "forced": before is not None and after is not None and not history.contains(after, before),
        "base_ref": None,
        "compare": f"{render.repo_web(repository)}/compare/{(before or ZERO)[:12]}...{(after or ZERO)[:12]}",
        "commits": [_commit(render, repository, commit) for commit in new[-MAX_COMMITS:]],
        "head_commit": _commit(render, repository, repository.store.commit(after)) if after else None,
        "pusher": {"name": by.login, "email": by.commit_email},
        **common,
        "repository": {**common["repository"], **stamps, "stargazers": 0, "master_branch": repository.default_branch},
    }


def _commit(render: Render, repository: Repository, commit: CommitObject) -> Json:
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": iso(commit.committer.at),
        "url": f"{render.repo_web(repository)}/commit/{commit.sha}",
        "author": _person(render, commit.author),
        "committer": _person(render, commit.committer),
        **_files(repository, commit),
    }


def _person(render: Render, signature: Signature) -> Json:
    account = render.hub.account_of(signature.email)
    person = {"name": signature.name, "email": signature.email, "date": iso(signature.at)}
    return {**person, "username": account.login} if account else person


def _files(repository: Repository, commit: CommitObject) -> dict[str, list[str]]:
    changes = repository.changes_of(commit)
    return {
        "added": [path for path, (was, _) in changes.items() if was is None],
        "removed": [path for path, (_, now) in changes.items() if now is None],
        "modified": [path for path, (was, now) in changes.items() if was and now],
    }


def ping(hub: Hub, hook: Json) -> Json:
    """`ping` of an app's webhook."""
    return {"zen": "Design for failure.", "hook_id": hook["id"], "hook": {**hook, "updated_at": iso(hub.now())}}
