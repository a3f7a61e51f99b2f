"""The stand-in's ASGI application: routes, authentication, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tengu.sandbox.github import (
    git_http,
    graph,
    pages,
    rest_apps,
    rest_commits,
    rest_deployments,
    rest_pulls,
    rest_repos,
)
from tengu.sandbox.github.call import Call, answer, authenticate, spend
from tengu.sandbox.github.errors import GitHubError, not_found
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.render import Render

Handler = Callable[[Call], Response]
ENTERPRISE = "/api/v3"
REPO = "/repos/{owner}/{repo}"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/app", rest_apps.get_app),
    ("GET", "/app/installations", rest_apps.list_installations),
    ("GET", "/app/installations/{installation_id:int}", rest_apps.get_installation),
    ("POST", "/app/installations/{installation_id:int}/access_tokens", rest_apps.create_token),
    ("GET", "/installation/repositories", rest_apps.installation_repositories),
    ("GET", "/rate_limit", rest_apps.rate_limit),
    ("GET", "/user", rest_repos.get_viewer),
    ("GET", "/users/{username}", rest_repos.get_user),
    ("GET", REPO, rest_repos.get_repository),
    ("GET", REPO + "/installation", rest_apps.repository_installation),
    ("GET", REPO + "/branches", rest_repos.list_branches),
    ("GET", REPO + "/branches/{branch:path}", rest_repos.get_branch),
    ("GET", REPO + "/collaborators/{username}/permission", rest_repos.permission),
    ("GET", REPO + "/git/ref/{ref:path}", rest_repos.get_ref),
    ("GET", REPO + "/git/matching-refs/{ref:path}", rest_repos.matching_refs),
    ("POST", REPO + "/git/refs", rest_repos.create_ref),
    ("PATCH", REPO + "/git/refs/{ref:path}", rest_repos.update_ref),
    ("DELETE", REPO + "/git/refs/{ref:path}", rest_repos.delete_ref),
    ("GET", REPO + "/git/commits/{sha}", rest_commits.get_git_commit),
    ("GET", REPO + "/commits", rest_commits.list_commits),
    ("GET", REPO + "/commits/{ref:path}/pulls", rest_commits.pulls_of_commit),
    ("GET", REPO + "/commits/{ref:path}/statuses", rest_commits.list_statuses),
    ("GET", REPO + "/commits/{ref:path}/status", rest_commits.combined_status),
    ("GET", REPO + "/commits/{ref:path}", rest_commits.get_commit),
    ("GET", REPO + "/compare/{basehead:path}", rest_commits.compare),
    ("POST", REPO + "/statuses/{sha}", rest_commits.create_status),
    ("GET", REPO + "/pulls", rest_pulls.list_pulls),
    ("POST", REPO + "/pulls", rest_pulls.create_pull),
    ("GET", REPO + "/pulls/{number:int}", rest_pulls.get_pull),
    ("PATCH", REPO + "/pulls/{number:int}", rest_pulls.edit_pull),
    ("GET", REPO + "/pulls/{number:int}/merge", rest_pulls.is_merged),
    ("PUT", REPO + "/pulls/{number:int}/merge", rest_pulls.merge_pull),
    ("GET", REPO + "/pulls/{number:int}/commits", rest_pulls.pull_commits),
    ("GET", REPO + "/pulls/{number:int}/files", rest_pulls.pull_files),
    ("GET", REPO + "/issues/comments/{comment_id:int}", rest_pulls.get_comment),
    ("PATCH", REPO + "/issues/comments/{comment_id:int}", rest_pulls.edit_comment),
    ("DELETE", REPO + "/issues/comments/{comment_id:int}", rest_pulls.delete_comment),
    ("GET", REPO + "/issues/{number:int}/comments", rest_pulls.list_comments),
    ("POST", REPO + "/issues/{number:int}/comments", rest_pulls.create_comment),
    ("POST", REPO + "/issues/{number:int}/labels", rest_pulls.add_labels),
    ("GET", REPO + "/deployments", rest_deployments.list_deployments),
    ("POST", REPO + "/deployments", rest_deployments.create_deployment),
    ("GET", REPO + "/deployments/{deployment_id:int}", rest_deployments.get_deployment),
    ("GET", REPO + "/deployments/{deployment_id:int}/statuses", rest_deployments.list_deployment_statuses),
    ("POST", REPO + "/deployments/{deployment_id:int}/statuses", rest_deployments.create_deployment_status),
)


def build_app(hub: Hub) -> Starlette:
    """The application over this hub."""
    routes = [_graph_route(hub, path) for path in ("/graphql", "/api/graphql")]
    for prefix in ("", ENTERPRISE):
        routes += [_rest_route(hub, prefix, *route) for route in ROUTES]
    routes += [_git_route(hub), *_page_routes(hub)]
    handlers: Any = {404: _unknown, 405: _unknown, GitHubError: _refused}
    return Starlette(routes=routes, exception_handlers=handlers)


def call_name(scope: dict[str, Any], _body: bytes) -> str:
    """How a call is called in faults: `POST /repos/acme/web/pulls`, whatever prefix it came under."""
    path: str = scope["path"]
    path = path.removeprefix(ENTERPRISE) if path.startswith(ENTERPRISE) else path.replace("/api/graphql", "/graphql")
    return f"{scope['method']} {path}"


def _unknown(_request: Request, _error: Exception) -> Response:
    return _refused(_request, not_found())


def _refused(_request: Request, error: Exception) -> Response:
    shown = error if isinstance(error, GitHubError) else not_found()
    return answer(shown.body(), shown.status)


def _rest_route(hub: Hub, prefix: str, method: str, path: str, handler: Handler) -> Route:
    root = ENTERPRISE if prefix.startswith(ENTERPRISE) else ""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_serve, hub, request, body, handler, root)

    return Route(prefix + path, endpoint, methods=[method])


def _graph_route(hub: Hub, path: str) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_serve, hub, request, body, lambda call: answer(graph.execute(call)), "")

    return Route(path, endpoint, methods=["POST"])


def _serve(hub: Hub, request: Request, body: bytes, handler: Handler, root: str) -> Response:
    headers: dict[str, str] = {}
    try:
        with hub.lock:
            token, app = authenticate(hub, request.headers.get("authorization", ""))
            headers = spend(hub, token)
            call = Call(
                hub=hub,
                render=Render(hub, hub.url + root),
                path=request.url.path.removeprefix(root),
                params=request.path_params,
                query=dict(request.query_params),
                body=_parse(body),
                token=token,
                app=app,
            )
            response = handler(call)
    except GitHubError as error:
        response = answer(error.body(), error.status)
    response.headers.update(headers)
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    response.headers["X-GitHub-Api-Version-Selected"] = "2022-11-28"
    response.headers["X-GitHub-Request-Id"] = uuid4().hex[:20].upper()
    return response


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body) if body else {}
    except ValueError as error:
        raise GitHubError(400, "Problems parsing JSON") from error
    if not isinstance(parsed, dict):
        raise GitHubError(400, "Body should be a JSON object")
    return parsed


def _git_route(hub: Hub) -> Route:
    def serve(request: Request, body: bytes) -> Response:
        with hub.lock:
            return git_http.serve(hub, request, body)

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(serve, request, body)

    return Route("/{owner}/{repo}.git/{rest:path}", endpoint, methods=["GET", "POST"])


def _page_routes(hub: Hub) -> list[Route]:
    def pull(request: Request) -> Response:
        repository = hub.repository(request.path_params["owner"], request.path_params["repo"])
        return HTMLResponse(pages.pull_page(repository, hub.pull_request(repository, request.path_params["number"])))

    def commit(request: Request) -> Response:
        repository = hub.repository(request.path_params["owner"], request.path_params["repo"])
        return HTMLResponse(pages.commit_page(repository, request.path_params["sha"]))

    return [Route("/{owner}/{repo}/pull/{number:int}", pull), Route("/{owner}/{repo}/commit/{sha}", commit)]
