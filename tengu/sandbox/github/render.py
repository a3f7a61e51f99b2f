"""Accounts, repositories and commits in GitHub's JSON (API version 2022-11-28)."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any

from tengu.sandbox.github.diffs import FileDiff
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.links import REPOSITORY_LINKS, UNUSED, USER_LINKS
from tengu.sandbox.github.model import Account, App, Repository
from tengu.sandbox.github.objects import CommitObject, Signature

Json = dict[str, Any]


def iso(at: datetime) -> str:
    """A time as GitHub writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: object) -> str:
    """An opaque GraphQL id that tells its kind to `graph.node`."""
    return b64encode(f"{kind}:{number}".encode()).decode()


class Render:
    """Makes JSON whose addresses lead back here.

    Args:
        api: root of the REST API as this client reaches it (`…/api/v3` or the bare address).
    """

    def __init__(self, hub: Hub, api: str) -> None:
        self.hub = hub
        self.api = api
        self.web = hub.url

    def repo_api(self, repository: Repository) -> str:
        """API address of a repository."""
        return f"{self.api}/repos/{repository.full_name}"

    def repo_web(self, repository: Repository) -> str:
        """Page of a repository."""
        return f"{self.web}/{repository.full_name}"

    def user(self, account: Account) -> Json:
        """`simple-user`."""
        url = f"{self.api}/users/{account.login}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id(account.kind, account.id),
            "avatar_url": f"{self.web}/avatars/{account.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{account.login}",
            **{name: url + path for name, path in USER_LINKS.items()},
            "type": account.kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def public_user(self, account: Account) -> Json:
        """`public-user`."""
        nothing = dict.fromkeys(("company", "location", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        created = {"created_at": iso(account.created_at), "updated_at": iso(account.created_at)}
        return {
            **self.user(account),
            "name": account.name,
            "email": account.email,
            "blog": "",
            **nothing,
            **counts,
            **created,
        }

    def repository(self, repository: Repository) -> Json:
        """`repository`."""
        url, page = self.repo_api(repository), self.repo_web(repository)
        open_pulls = sum(pull.closed_at is None for pull in repository.pulls.values())
        return {
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "owner": self.user(repository.owner),
            "html_url": page,
            "url": url,
            "clone_url": page + ".git",
            "svn_url": page,
            "git_url": page.replace("http:", "git:") + ".git",
            "ssh_url": f"git@127.0.0.1:{repository.full_name}.git",
            **{f"{name}_url": url + path for name, path in REPOSITORY_LINKS.items()},
            **UNUSED,
            "default_branch": repository.default_branch,
            "open_issues": open_pulls,
            "open_issues_count": open_pulls,
            "created_at": iso(repository.created_at),
            "updated_at": iso(repository.pushed_at),
            "pushed_at": iso(repository.pushed_at),
        }

    def full_repository(self, repository: Repository, viewer: Account) -> Json:
        """`full-repository`, with what the viewer may."""
        roles = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
        return {
            **self.repository(repository),
            **self.merge_settings(repository),
            "permissions": {name: repository.allows(viewer, role) for name, role in roles.items()},  # type: ignore[arg-type]
            "network_count": 0,
            "subscribers_count": 0,
        }

    def merge_settings(self, repository: Repository) -> Json:
        """How pull requests may be merged."""
        return {
            "allow_merge_commit": "merge" in repository.methods,
            "allow_squash_merge": "squash" in repository.methods,
            "allow_rebase_merge": "rebase" in repository.methods,
            "allow_auto_merge": False,
            "allow_update_branch": False,
            "delete_branch_on_merge": repository.delete_branch_on_merge,
        }

    def commit(self, repository: Repository, commit: CommitObject) -> Json:
        """`commit`, as it stands in lists."""
        url, page = self.repo_api(repository), self.repo_web(repository)
        at = f"/commits/{commit.sha}"
        return {
            "sha": commit.sha,
            "node_id": node_id("Commit", f"{repository.id}:{commit.sha}"),
            "commit": {
                "author": _git_user(commit.author),
                "committer": _git_user(commit.committer),
                "message": commit.message,
                "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
                "url": f"{url}/git/commits/{commit.sha}",
                "comment_count": 0,
                "verification": _unsigned(),
            },
            "url": url + at,
            "html_url": f"{page}/commit/{commit.sha}",
            "comments_url": f"{url}{at}/comments",
            "author": self._account_of(commit.author),
            "committer": self._account_of(commit.committer),
            "parents": [
                {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
                for sha in commit.parents
            ],
        }

    def git_commit(self, repository: Repository, commit: CommitObject) -> Json:
        """`git-commit`."""
        whole = self.commit(repository, commit)
        keep = {key: whole[key] for key in ("sha", "node_id", "html_url", "parents")}
        inner = {key: value for key, value in whole["commit"].items() if key != "comment_count"}
        return {**keep, **inner}

    def _account_of(self, signature: Signature) -> Json | None:
        account = self.hub.account_of(signature.email)
        return self.user(account) if account else None

    def file(self, repository: Repository, sha: str, diff: FileDiff) -> Json:
        """`diff-entry` of a file at that commit."""
        at = f"{diff.path}?ref={sha}"
        entry = {
            "sha": diff.sha,
            "filename": diff.path,
            "status": diff.status,
            "additions": diff.additions,
            "deletions": diff.deletions,
            "changes": diff.additions + diff.deletions,
            "blob_url": f"{self.repo_web(repository)}/blob/{sha}/{diff.path}",
            "raw_url": f"{self.repo_web(repository)}/raw/{sha}/{diff.path}",
            "contents_url": f"{self.repo_api(repository)}/contents/{at}",
        }
        return {**entry, "patch": diff.patch} if diff.patch is not None else entry

    def installation(self, app: App, owner: Account) -> Json:
        """`installation`."""
        url = f"{self.api}/app/installations/{app.installation_id}"
        return {
            "id": app.installation_id,
            "account": self.user(owner),
            "access_tokens_url": url + "/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{app.installation_id}",
            "app_id": app.id,
            "app_slug": app.slug,
            "target_id": owner.id,
            "target_type": owner.kind,
            "permissions": app.permissions,
            "events": ["issue_comment", "pull_request", "push"],
            "single_file_name": None,
            "repository_selection": "all",
            "created_at": iso(app.created_at),
            "updated_at": iso(app.created_at),
            "suspended_at": None,
            "suspended_by": None,
        }

    def app(self, app: App, owner: Account) -> Json:
        """`integration`."""
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "client_id": f"Iv1.{app.id:016x}",
            "owner": self.user(owner),
            "name": app.slug,
            "description": None,
            "external_url": self.web,
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": iso(app.created_at),
            "updated_at": iso(app.created_at),
            "permissions": app.permissions,
            "events": ["issue_comment", "pull_request", "push"],
        }


def _git_user(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": iso(signature.at)}


def _unsigned() -> Json:
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
