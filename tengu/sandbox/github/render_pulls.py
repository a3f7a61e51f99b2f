"""Pull requests, comments, statuses and deployments in GitHub's JSON."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from tengu.sandbox.github.facts import commits_of, pull_trees, test_merge
from tengu.sandbox.github.model import Account, Comment, Deployment, DeploymentStatus, PullRequest, Repository, Status
from tengu.sandbox.github.render import Json, Render, iso, node_id


def pull(render: Render, repository: Repository, pull: PullRequest) -> Json:
    """`pull-request-simple`, as it stands in lists."""
    url, page = (
        f"{render.repo_api(repository)}/pulls/{pull.number}",
        f"{render.repo_web(repository)}/pull/{pull.number}",
    )
    assignees = [render.user(one) for one in pull.assignees]
    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "number": pull.number,
        "html_url": page,
        "diff_url": page + ".diff",
        "patch_url": page + ".patch",
        **_links(render, repository, pull),
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": render.user(pull.author),
        "body": pull.body or None,
        "labels": [_label(render, repository, name) for name in pull.labels],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": iso(pull.created_at),
        "updated_at": iso(pull.updated_at),
        "closed_at": iso(pull.closed_at) if pull.closed_at else None,
        "merged_at": iso(pull.merged_at) if pull.merged_at else None,
        "merge_commit_sha": pull.merge_commit or repository.test_merges.get((pull.base_sha, pull.head_sha)),
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _end(render, repository, pull.head, pull.head_sha),
        "base": _end(render, repository, pull.base, pull.base_sha),
        "author_association": association(repository, pull.author),
        "auto_merge": None,
        "draft": pull.draft,
    }


def full_pull(render: Render, repository: Repository, one: PullRequest, *, tried: bool = True) -> Json:
    """`pull-request`. GitHub tries the merge in the background: `tried` False shows it before that."""
    mergeable = None
    if one.closed_at is None and tried:
        mergeable = test_merge(render.hub, repository, one) is not None
    state = {None: "unknown", True: "clean", False: "dirty"}[mergeable]
    additions, deletions, files = repository.diffs.totals(*pull_trees(repository, one))
    return {
        **pull(render, repository, one),
        "merged": one.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": render.user(one.merged_by) if one.merged_by else None,
        "comments": len(one.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(commits_of(repository, one)),
        "additions": additions,
        "deletions": deletions,
        "changed_files": files,
    }


def _links(render: Render, repository: Repository, one: PullRequest) -> Json:
    root, page = render.repo_api(repository), f"{render.repo_web(repository)}/pull/{one.number}"
    url, issue = f"{root}/pulls/{one.number}", f"{root}/issues/{one.number}"
    links = {
        "issue": issue,
        "comments": issue + "/comments",
        "review_comments": url + "/comments",
        "review_comment": f"{root}/pulls/comments{{/number}}",
        "commits": url + "/commits",
        "statuses": f"{root}/statuses/{one.head_sha}",
    }
    hrefs = {name: {"href": address} for name, address in {"self": url, "html": page, **links}.items()}
    return {**{f"{name}_url": address for name, address in links.items()}, "_links": hrefs}


def _end(render: Render, repository: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": render.user(repository.owner),
        "repo": render.repository(repository),
    }


def _label(render: Render, repository: Repository, name: str) -> Json:
    number = int(md5(name.encode(), usedforsecurity=False).hexdigest()[:7], 16)
    return {
        "id": number,
        "node_id": node_id("Label", f"{repository.id}:{name}"),
        "url": f"{render.repo_api(repository)}/labels/{name}",
        "name": name,
        "color": f"{number:06x}"[:6],
        "default": False,
        "description": None,
    }


def association(repository: Repository, account: Account) -> str:
    """What somebody is to a repository."""
    if account is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if repository.allows(account, "triage") else "NONE"


def comment(render: Render, repository: Repository, one: Comment) -> Json:
    """`issue-comment`."""
    root = render.repo_api(repository)
    return {
        "id": one.id,
        "node_id": node_id("IssueComment", one.id),
        "url": f"{root}/issues/comments/{one.id}",
        "html_url": f"{render.repo_web(repository)}/pull/{one.pull_request}#issuecomment-{one.id}",
        "issue_url": f"{root}/issues/{one.pull_request}",
        "body": one.body,
        "user": render.user(one.author),
        "author_association": association(repository, one.author),
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
    }


def status(render: Render, repository: Repository, one: Status) -> Json:
    """`status`."""
    return {**simple_status(render, repository, one), "creator": render.user(one.creator)}


def simple_status(render: Render, repository: Repository, one: Status) -> Json:
    """`simple-commit-status`."""
    return {
        "url": f"{render.repo_api(repository)}/statuses/{one.sha}",
        "avatar_url": f"{render.web}/avatars/{one.creator.id}",
        "id": one.id,
        "node_id": node_id("StatusContext", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.created_at),
    }


def deployment(render: Render, repository: Repository, one: Deployment) -> Json:
    """`deployment`."""
    root = render.repo_api(repository)
    return {
        "url": f"{root}/deployments/{one.id}",
        "id": one.id,
        "node_id": node_id("Deployment", one.id),
        "sha": one.sha,
        "ref": one.ref,
        "task": one.task,
        "payload": one.payload,
        "original_environment": one.environment,
        "environment": one.environment,
        "description": one.description,
        "creator": render.user(one.creator),
        **_dates(one),
        "statuses_url": f"{root}/deployments/{one.id}/statuses",
        "repository_url": root,
        "transient_environment": one.transient,
        "production_environment": one.production,
    }


def deployment_status(render: Render, repository: Repository, owner: Deployment, one: DeploymentStatus) -> Json:
    """`deployment-status`."""
    root = render.repo_api(repository)
    url = f"{root}/deployments/{owner.id}"
    return {
        "url": f"{url}/statuses/{one.id}",
        "id": one.id,
        "node_id": node_id("DeploymentStatus", one.id),
        "state": one.state,
        "creator": render.user(one.creator),
        "description": one.description,
        "environment": one.environment,
        "target_url": one.log_url,
        "log_url": one.log_url,
        "environment_url": one.environment_url,
        **_dates(one),
        "deployment_url": url,
        "repository_url": root,
    }


def _dates(one: Deployment | DeploymentStatus) -> dict[str, Any]:
    return {"created_at": iso(one.created_at), "updated_at": iso(one.created_at)}
