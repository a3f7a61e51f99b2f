"""REST: deployments and their statuses."""

from __future__ import annotations

from starlette.responses import Response

from tengu.sandbox.github import branches, render_pulls
from tengu.sandbox.github.call import Call, answer
from tengu.sandbox.github.errors import GitHubError, invalid, not_found
from tengu.sandbox.github.model import Deployment, DeploymentStatus, Repository
from tengu.sandbox.github.rest_commits import MAX_DESCRIPTION, resolve

STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def create_deployment(call: Call) -> Response:
    """POST …/deployments. Without `auto_merge: false` GitHub may merge the default branch instead (202); without
    `required_contexts: []` every status of the commit must be green (409)."""
    repository, ref = call.repository("deployments", "write"), call.text("ref")
    sha = resolve(repository, ref)
    if sha is None:
        raise GitHubError(422, f"No ref found for: {ref}")
    if call.body.get("auto_merge", True) and _behind(repository, ref, sha):
        return answer({"message": f"Auto-merged {repository.default_branch} into {ref} on deployment."}, 202)
    _check_contexts(call, repository, ref, sha)
    description = call.text("description")
    if len(description) > MAX_DESCRIPTION:
        raise invalid("Deployment", "description", "custom", "description is too long (maximum is 140 characters)")
    environment = call.text("environment") or "production"
    made = Deployment(
        id=call.hub.next_id(),
        sha=sha,
        ref=ref,
        task=call.text("task") or "deploy",
        environment=environment,
        description=description or None,
        payload=call.body.get("payload") or {},
        transient=bool(call.body.get("transient_environment", False)),
        production=bool(call.body.get("production_environment", environment == "production")),
        creator=call.actor,
        created_at=call.hub.now(),
    )
    repository.deployments[made.id] = made
    return answer(render_pulls.deployment(call.render, repository, made), 201)


def _behind(repository: Repository, ref: str, sha: str) -> bool:
    default = repository.head(repository.default_branch)
    is_branch = repository.head(ref.removeprefix(branches.HEADS)) is not None
    return is_branch and default is not None and not repository.history.contains(sha, default)


def _check_contexts(call: Call, repository: Repository, ref: str, sha: str) -> None:
    latest = {one.context: one.state for one in repository.statuses.get(sha, ())}
    required = call.body.get("required_contexts")
    wanted = list(latest) if required is None else required
    bad = [context for context in wanted if latest.get(context) != "success"]
    if bad:
        details = [{"contexts": [{"context": one, "state": latest.get(one, "pending")} for one in bad]}]
        raise GitHubError(409, f"Conflict: Commit status checks failed for {ref}.", details)


def _deployment(call: Call, repository: Repository) -> Deployment:
    found = repository.deployments.get(int(call.params["deployment_id"]))
    if found is None:
        raise not_found()
    return found


def list_deployments(call: Call) -> Response:
    """GET …/deployments with `sha`, `ref`, `task`, `environment`; newest first."""
    repository = call.repository("deployments")
    filters = {name: call.query[name] for name in ("sha", "ref", "task", "environment") if name in call.query}
    found = [
        one
        for one in repository.deployments.values()
        if all(value in ("none", getattr(one, name)) for name, value in filters.items())
    ]
    return call.page(found[::-1], lambda one: render_pulls.deployment(call.render, repository, one))


def get_deployment(call: Call) -> Response:
    """GET …/deployments/{deployment_id}."""
    repository = call.repository("deployments")
    return answer(render_pulls.deployment(call.render, repository, _deployment(call, repository)))


def list_deployment_statuses(call: Call) -> Response:
    """GET …/deployments/{deployment_id}/statuses, newest first."""
    repository = call.repository("deployments")
    owner = _deployment(call, repository)
    return call.page(
        owner.statuses[::-1], lambda one: render_pulls.deployment_status(call.render, repository, owner, one)
    )


def create_deployment_status(call: Call) -> Response:
    """POST …/deployments/{deployment_id}/statuses."""
    repository = call.repository("deployments", "write")
    owner, state = _deployment(call, repository), call.text("state")
    if state not in STATES:
        raise invalid("DeploymentStatus", "state")
    if len(call.text("description")) > MAX_DESCRIPTION:
        message = "description is too long (maximum is 140 characters)"
        raise invalid("DeploymentStatus", "description", "custom", message)
    made = _add_status(call, owner, state)
    if state == "success" and call.body.get("auto_inactive", True):
        _retire(call, repository, owner)
    return answer(render_pulls.deployment_status(call.render, repository, owner, made), 201)


def _add_status(call: Call, owner: Deployment, state: str) -> DeploymentStatus:
    made = DeploymentStatus(
        id=call.hub.next_id(),
        state=state,
        description=call.text("description"),
        environment=call.text("environment") or owner.environment,
        log_url=call.text("log_url") or call.text("target_url"),
        environment_url=call.text("environment_url"),
        creator=call.actor,
        created_at=call.hub.now(),
    )
    owner.statuses.append(made)
    return made


def _retire(call: Call, repository: Repository, newest: Deployment) -> None:
    """`auto_inactive`: earlier deployments to the same non-production, lasting environment are over."""
    for one in repository.deployments.values():
        earlier = one.id < newest.id and one.environment == newest.environment
        if earlier and not one.transient and not one.production and one.statuses:
            old = one.statuses[-1]
            if old.state != "inactive":
                inactive = (call.hub.next_id(), "inactive", "", old.environment, "", "", call.actor, call.hub.now())
                one.statuses.append(DeploymentStatus(*inactive))
