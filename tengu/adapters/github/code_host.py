"""`CodeHost` on GitHub's REST API, with GraphQL where it saves requests."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from tengu.adapters.github import graphql, values
from tengu.adapters.github.api import GitHubApi, path
from tengu.adapters.github.credentials import AppCredentials, Credentials, TokenCredentials
from tengu.adapters.github.failures import Declined, sensible
from tengu.domain.changeset import Commit, MergedPullRequest
from tengu.domain.text import one_line
from tengu.errors import ServiceError
from tengu.ports.code_host import BodyEdit, CloneAccess, Comparison, DeploymentState, PullRequest
from tengu.secret import Secret

GITHUB = "https://api.github.com"
_PAGE = 100
#: GitHub's limit on a deployment status.
_DESCRIPTION = 140
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")


class GitHubCodeHost:
    """One GitHub for all configured repositories; safe to use from several threads.

    Args:
        credentials: a token, or a GitHub App.
        base_url: GITHUB_API_URL; GraphQL is found beside it.
        seconds_between_writes: pause between requests that change something; 0 for stand-ins.
        retry_waits: waits before a failed read is tried again, seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: str = GITHUB,
        *,
        seconds_between_writes: float = 1.0,
        retry_waits: tuple[float, ...] = (0.5, 1.5),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = GitHubApi(
            credentials, base_url, seconds_between_writes=seconds_between_writes, retry_waits=retry_waits, sleep=sleep
        )  # fmt: skip
        self._clone_urls: dict[str, str] = {}
        self._lock = threading.Lock()

    @classmethod
    def with_token(cls, token: Secret, base_url: str = GITHUB, **options: Any) -> Self:
        """With GITHUB_TOKEN; options as for the class."""
        return cls(TokenCredentials(token), base_url, **options)

    @classmethod
    def with_app(cls, app_id: str, private_key: Secret, base_url: str = GITHUB, **options: Any) -> Self:
        """With GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY (PEM)."""
        return cls(AppCredentials(app_id, private_key, base_url), base_url, **options)

    def close(self) -> None:
        """Close idle connections."""
        self._api.close()

    # --- commits and branches -----------------------------------------------------------------------------

    @sensible
    def branch_head(self, repository: str, branch: str) -> str | None:
        """Commit at its head; None if there is no such branch."""
        found = self._api.find(repository, path("repos", repository, "branches", branch))
        if found is None:
            self._api.get(repository, path("repos", repository))  # or is it the repository that is not seen?
            return None
        return str(found["commit"]["sha"])

    @sensible
    def create_branch(self, repository: str, branch: str, commit: str) -> None:
        """Create it there. No error if it exists with that head already."""
        body = {"ref": f"refs/heads/{branch}", "sha": commit}
        try:
            self._api.change(repository, "POST", path("repos", repository, "git/refs"), body)
        except Declined as error:
            if error.status != 422 or self.branch_head(repository, branch) != commit:
                raise

    @sensible
    def commit(self, repository: str, commit: str) -> Commit:
        """One commit."""
        return values.commit(self._api.get(repository, path("repos", repository, "commits", commit), per_page=1))

    @sensible
    def compare(self, repository: str, base: str, head: str) -> Comparison:
        """All commits of base...head, all pages (GitHub lists 10,000 at most)."""
        commits: dict[str, Commit] = {}
        page = 1
        while True:
            found = self._compare(repository, base, head, per_page=_PAGE, page=page)
            known = len(commits)
            commits |= {each["sha"]: values.commit(each) for each in found["commits"]}
            if len(commits) >= found["total_commits"] or len(commits) == known:
                break
            page += 1
        return Comparison(
            tuple(commits.values()), found["total_commits"], found["merge_base_commit"]["sha"], found["behind_by"]
        )  # fmt: skip

    @sensible
    def is_ancestor(self, repository: str, ancestor: str, descendant: str) -> bool:
        """True if `descendant` contains `ancestor` (or is it). The second page comes without changed files."""
        found = self._compare(repository, ancestor, descendant, per_page=1, page=2)
        return found["status"] in ("ahead", "identical")

    @sensible
    def merged_pull_requests_of(
        self, repository: str, commits: Sequence[str]
    ) -> Mapping[str, tuple[MergedPullRequest, ...]]:
        """For each commit the merged pull requests GitHub associates with it."""
        return graphql.merged_pull_requests_of(self._api, repository, commits)

    # --- pull requests ------------------------------------------------------------------------------------

    @sensible
    def merged_pull_request(self, repository: str, number: int) -> MergedPullRequest | None:
        """That pull request if it exists and is merged."""
        found = self._api.find(repository, path("repos", repository, "pulls", number))
        return None if found is None else values.merged_pull_request(found)

    @sensible
    def find_open_pull_request(self, repository: str, head: str, base: str) -> PullRequest | None:
        """The open pull request from that branch of this repository into that branch.

        GitHub ignores a `head` without owner, so what it answers is checked once more.
        """
        owner = repository.partition("/")[0]
        wanted = {"state": "open", "head": f"{owner}:{head}", "base": base}
        found = self._api.get(repository, path("repos", repository, "pulls"), **wanted, per_page=_PAGE)
        mine = [each for each in found if _is_from(each, repository, head) and each["base"]["ref"] == base]
        return values.pull_request(min(mine, key=lambda each: each["number"])) if mine else None

    @sensible
    def pull_request(self, repository: str, number: int) -> PullRequest:
        """That pull request, read now."""
        return values.pull_request(self._api.get(repository, path("repos", repository, "pulls", number)))

    @sensible
    def pull_request_merged_as(self, repository: str, commit: str, base: str) -> PullRequest | None:
        """The pull request merged into `base` whose merge commit is `commit`.

        GitHub's index of commits may be minutes late: then it is among the last that were closed.
        """
        indexed = self._api.get(repository, path("repos", repository, "commits", commit, "pulls"), per_page=_PAGE)
        number = _merged_as(indexed, commit, base)
        if number is None:
            recent = self._api.get(
                repository, path("repos", repository, "pulls"),
                state="closed", base=base, sort="updated", direction="desc", per_page=_PAGE,
            )  # fmt: skip
            number = _merged_as(recent, commit, base)
        return None if number is None else self.pull_request(repository, number)

    @sensible
    def create_pull_request(self, repository: str, *, title: str, body: str, head: str, base: str) -> PullRequest:
        """Open it. One that exists already for head and base: that one is returned, unchanged."""
        wanted = {"title": title, "body": body, "head": head, "base": base}
        try:
            made = self._api.change(repository, "POST", path("repos", repository, "pulls"), wanted)
        except ServiceError as error:
            # After a lost answer it exists too.
            if error.transient or (isinstance(error, Declined) and error.status == 422):
                found = self.find_open_pull_request(repository, head, base)
                if found is not None:
                    return found
            raise
        return values.pull_request(made)

    @sensible
    def edit_pull_request(
        self, repository: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> PullRequest:
        """Change title or body."""
        wanted = {key: value for key, value in (("title", title), ("body", body)) if value is not None}
        return values.pull_request(
            self._api.change(repository, "PATCH", path("repos", repository, "pulls", number), wanted)
        )

    @sensible
    def body_edits(self, repository: str, number: int) -> tuple[BodyEdit, ...]:
        """The last few versions of its body, newest first; empty if it was never edited."""
        return graphql.body_edits(self._api, repository, number)

    # --- git, deployments, people -------------------------------------------------------------------------

    @sensible
    def clone_access(self, repository: str) -> CloneAccess:
        """How git gets it; the token of an app lives one hour."""
        with self._lock:
            url = self._clone_urls.get(repository)
        if url is None:
            url = str(self._api.get(repository, path("repos", repository))["clone_url"])
            with self._lock:
                self._clone_urls[repository] = url
        return CloneAccess(url, self._api.credentials.token(repository))

    @sensible
    def deployment_keys(self, repository: str, commit: str, *, environment: str) -> tuple[str, ...]:
        """The keys of the GitHub Deployments that were made here of that commit."""
        return tuple(self._deployments(repository, commit, environment))

    @sensible
    def create_deployment(self, repository: str, commit: str, *, environment: str, description: str, key: str) -> int:
        """A GitHub Deployment, found again by `key` in its payload."""
        where = path("repos", repository, "deployments")
        known = self._deployments(repository, commit, environment)
        if key in known:
            return known[key]
        body = {
            "ref": commit,
            "environment": environment,
            "description": one_line(description, _DESCRIPTION),
            "payload": {"key": key},
            "auto_merge": False,
            "required_contexts": [],
        }
        return int(self._api.change(repository, "POST", where, body)["id"])

    @sensible
    def set_deployment_status(
        self,
        repository: str,
        deployment: int,
        state: DeploymentState,
        *,
        description: str,
        log_url: str = "",
        environment_url: str = "",
    ) -> None:
        """Add a status to it; GitHub's 140-character limit on descriptions is kept."""
        body = {"state": state, "description": one_line(description, _DESCRIPTION)}
        body |= {key: url for key, url in (("log_url", log_url), ("environment_url", environment_url)) if url}
        self._api.change(repository, "POST", path("repos", repository, "deployments", deployment, "statuses"), body)

    @sensible
    def can_write(self, repository: str, login: str) -> bool:
        """True if that person has write, maintain or admin permission."""
        if not _LOGIN.fullmatch(login):
            return False
        found = self._api.find(repository, path("repos", repository, "collaborators", login, "permission"))
        # `permission` is admin, write, read or none; maintain is told as write.
        return found is not None and found["permission"] in ("admin", "write")

    @sensible
    def email(self, login: str) -> str | None:
        """The public e-mail address of that account, if it shows one."""
        if not _LOGIN.fullmatch(login):
            return None
        found = self._api.find("", path("users", login))
        return None if found is None else found.get("email") or None

    def _deployments(self, repository: str, commit: str, environment: str) -> dict[str, int]:
        """Key -> id of the GitHub Deployments that carry one of our keys."""
        found = self._api.get(
            repository, path("repos", repository, "deployments"), sha=commit, environment=environment, per_page=_PAGE
        )
        payloads = ((each["id"], each.get("payload")) for each in found)
        return {
            str(load["key"]): int(number) for number, load in payloads if isinstance(load, Mapping) and "key" in load
        }

    def _compare(self, repository: str, base: str, head: str, **parameters: int) -> Any:
        try:
            return self._api.get(repository, path("repos", repository, "compare", f"{base}...{head}"), **parameters)
        except Declined as error:
            if error.status != 404:
                raise
            advice = f"One of {base} and {head} is gone, they share no history, or the repository cannot be seen."
            raise ServiceError("GitHub", error.action, error.detail, advice=advice) from error


def _is_from(data: Mapping[str, Any], repository: str, head: str) -> bool:
    """Is the pull request's head that branch of this repository, not of a fork?"""
    source = data["head"].get("repo")
    return data["head"]["ref"] == head and source is not None and _same(source["full_name"], repository, data)


def _same(full_name: str, repository: str, data: Mapping[str, Any]) -> bool:
    # A renamed repository answers under its new name: the base tells it.
    return full_name.lower() in (repository.lower(), data["base"]["repo"]["full_name"].lower())


def _merged_as(found: Sequence[Mapping[str, Any]], commit: str, base: str) -> int | None:
    """Number of the one that was merged into `base` as `commit`."""
    for each in found:
        if each.get("merged_at") and each["merge_commit_sha"] == commit and each["base"]["ref"] == base:
            return int(each["number"])
    return None
