"""git over HTTP: git's own http-backend, behind basic auth (git-http-backend(1), RFC 3875)."""

from __future__ import annotations

import subprocess

from starlette.requests import Request
from starlette.responses import Response

from tengu.sandbox.github import branches
from tengu.sandbox.github.call import authenticate
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, Repository, Token
from tengu.sandbox.github.objects import GIT_TIMEOUT, git_environment

LOGIN = {"WWW-Authenticate": 'Basic realm="GitHub"'}


def serve(hub: Hub, request: Request, body: bytes) -> Response:
    """Answer one request of a git client. The caller holds the lock."""
    owner, name = request.path_params["owner"], request.path_params["repo"]
    pushes = "git-receive-pack" in (request.query_params.get("service", ""), request.path_params["rest"])
    try:
        token, _app = authenticate(hub, request.headers.get("authorization", ""))
        repository = hub.repository(owner, name)
    except GitHubError as error:
        if error.status == 404 and not request.headers.get("authorization"):
            return Response("Authentication required", 401, LOGIN)
        text = "Invalid username or token." if error.status == 401 else "Repository not found."
        return Response(text, error.status, LOGIN if error.status == 401 else None)
    if token is None and (repository.private or pushes):
        return Response("Authentication required", 401, LOGIN)
    if token is not None and not _may(repository, token, pushes=pushes):
        return Response("Repository not found." if not pushes else "Write access not granted.", 403 if pushes else 404)
    before = repository.refs.all() if pushes else {}
    answer = _backend(hub, repository, request, body, token)
    if pushes and token is not None:
        _follow(hub, repository, before, token.account)
    return answer


def _may(repository: Repository, token: Token, *, pushes: bool) -> bool:
    if token.app is not None:
        return token.permissions.get("contents", "none") in (("write",) if pushes else ("read", "write"))
    return repository.allows(token.account, "write" if pushes else "read")


def _follow(hub: Hub, repository: Repository, before: dict[str, str], by: Account) -> None:
    after = repository.refs.all()
    for ref in sorted(before.keys() | after.keys()):
        if ref.startswith(("refs/heads/", "refs/tags/")):
            branches.moved(hub, repository, ref, before.get(ref), after.get(ref), by)


def _backend(hub: Hub, repository: Repository, request: Request, body: bytes, token: Token | None) -> Response:
    environment = {
        **git_environment(hub.folder),
        "GIT_PROJECT_ROOT": str(repository.store.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{repository.store.path.name}/{request.path_params['rest']}",
        "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": token.account.login if token else "",
        "GIT_COMMITTER_NAME": "GitHub",
        "GIT_COMMITTER_EMAIL": "noreply@github.com",
    }
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, timeout=GIT_TIMEOUT, check=False, env=environment
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    status = int(fields.pop("Status", "200").split()[0])
    return Response(content, status if done.stdout else 500, fields)
