"""REST: repositories, branches, refs, collaborators, users."""

from __future__ import annotations

from starlette.responses import Response

from tengu.sandbox.github import branches
from tengu.sandbox.github.call import Call, answer
from tengu.sandbox.github.errors import GitHubError, not_found
from tengu.sandbox.github.model import Repository
from tengu.sandbox.github.refs import is_valid
from tengu.sandbox.github.render import Json, node_id


def get_repository(call: Call) -> Response:
    """GET /repos/{owner}/{repo}."""
    return answer(call.render.full_repository(call.repository(), call.actor))


def list_branches(call: Call) -> Response:
    """GET …/branches."""
    repository = call.repository("contents")
    return call.page(
        list(repository.refs.all(branches.HEADS).items()), lambda one: _short_branch(call, repository, *one)
    )


def _short_branch(call: Call, repository: Repository, ref: str, sha: str) -> Json:
    name = ref.removeprefix(branches.HEADS)
    commit = {"sha": sha, "url": f"{call.render.repo_api(repository)}/commits/{sha}"}
    return {"name": name, "commit": commit, "protected": name in repository.protected}


def get_branch(call: Call) -> Response:
    """GET …/branches/{branch}."""
    repository, name = call.repository("contents"), call.params["branch"]
    sha = repository.head(name)
    if sha is None:
        raise GitHubError(404, "Branch not found")
    url = f"{call.render.repo_api(repository)}/branches/{name}"
    contexts = repository.protected.get(name, ())
    checks = {"enforcement_level": "everyone" if contexts else "off", "contexts": list(contexts), "checks": []}
    return answer(
        {
            **_short_branch(call, repository, branches.HEADS + name, sha),
            "commit": call.render.commit(repository, repository.store.commit(sha)),
            "_links": {"self": url, "html": f"{call.render.repo_web(repository)}/tree/{name}"},
            "protection": {"enabled": bool(contexts), "required_status_checks": checks},
            "protection_url": url + "/protection",
        }
    )


def _ref(call: Call, repository: Repository, name: str, sha: str) -> Json:
    root = call.render.repo_api(repository)
    return {
        "ref": name,
        "node_id": node_id("Ref", f"{repository.id}:{name}"),
        "url": f"{root}/git/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{root}/git/commits/{sha}"},
    }


def get_ref(call: Call) -> Response:
    """GET …/git/ref/{ref}."""
    repository, name = call.repository("contents"), "refs/" + call.params["ref"]
    sha = repository.refs.get(name)
    if sha is None:
        raise not_found()
    return answer(_ref(call, repository, name, sha))


def matching_refs(call: Call) -> Response:
    """GET …/git/matching-refs/{ref}."""
    repository = call.repository("contents")
    found = repository.refs.all("refs/" + call.params["ref"])
    return answer([_ref(call, repository, name, sha) for name, sha in found.items()])


def create_ref(call: Call) -> Response:
    """POST …/git/refs."""
    repository, name, sha = call.repository("contents", "write"), call.text("ref"), call.text("sha")
    if not is_valid(name):
        raise GitHubError(422, f"{name} is not a valid ref name.")
    if not repository.store.has_commit(sha):
        raise GitHubError(422, "Object does not exist")
    if repository.refs.get(name) is not None:
        raise GitHubError(422, "Reference already exists")
    branches.move(call.hub, repository, name, sha, call.actor)
    return answer(_ref(call, repository, name, sha), 201)


def update_ref(call: Call) -> Response:
    """PATCH …/git/refs/{ref}."""
    repository, name, sha = call.repository("contents", "write"), "refs/" + call.params["ref"], call.text("sha")
    before = repository.refs.get(name)
    if before is None:
        raise GitHubError(422, "Reference does not exist")
    if not repository.store.has_commit(sha):
        raise GitHubError(422, "Object does not exist")
    if not call.body.get("force") and not repository.history.contains(sha, before):
        raise GitHubError(422, "Update is not a fast forward")
    branches.move(call.hub, repository, name, sha, call.actor)
    return answer(_ref(call, repository, name, sha))


def delete_ref(call: Call) -> Response:
    """DELETE …/git/refs/{ref}."""
    repository, name = call.repository("contents", "write"), "refs/" + call.params["ref"]
    if repository.refs.get(name) is None:
        raise GitHubError(422, "Reference does not exist")
    branches.move(call.hub, repository, name, None, call.actor)
    return answer(None, 204)


def permission(call: Call) -> Response:
    """GET …/collaborators/{username}/permission: maintain shows as write, triage as read."""
    repository = call.repository()
    account = call.hub.accounts.get(call.params["username"].lower())
    if account is None:
        raise GitHubError(404, f"{call.params['username']} is not a user")
    role = repository.role(account)
    shown = {"maintain": "write", "triage": "read"}.get(role, role)
    rights = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
    user = {
        **call.render.user(account),
        "permissions": {name: repository.allows(account, needed) for name, needed in rights.items()},  # type: ignore[arg-type]
        "role_name": role,
    }
    return answer({"permission": shown, "role_name": role, "user": user})


def get_user(call: Call) -> Response:
    """GET /users/{username}."""
    return answer(call.render.public_user(call.hub.account(call.params["username"])))


def get_viewer(call: Call) -> Response:
    """GET /user; an installation is nobody."""
    if call.token is not None and call.token.app is not None:
        raise GitHubError(403, "Resource not accessible by integration")
    return answer(call.render.public_user(call.actor))
