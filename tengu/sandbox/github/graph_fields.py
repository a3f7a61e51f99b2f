"""How each field of the GraphQL schema is answered: `FIELDS[type][field](source, info, **arguments)`."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from graphql import GraphQLResolveInfo as Info

from tengu.sandbox.github import graph_pulls, graph_repository
from tengu.sandbox.github.graph_nodes import CommentNode, GraphFault, PullNode, Resolver, commit_node, context, see
from tengu.sandbox.github.model import Account, Repository
from tengu.sandbox.github.render import iso, node_id


def _repository(_: Any, info: Info, owner: str, name: str, **_rest: Any) -> Repository:
    return see(context(info), owner, name)


def _user(_: Any, info: Info, login: str) -> Account:
    account = context(info).hub.accounts.get(login.lower())
    if account is None or account.kind != "User":
        raise GraphFault("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
    return account


def _node(_: Any, info: Info, id: str) -> Any:  # noqa: A002  # the schema's name for it
    kind, _colon, number = b64decode(id).decode("utf-8", "replace").partition(":")
    for repository in context(info).hub.repositories.values():
        if kind == "Repository" and str(repository.id) == number:
            return see(context(info), repository.owner.login, repository.name)
        if kind == "Commit" and number.startswith(f"{repository.id}:"):
            return commit_node(repository, number.partition(":")[2])
        for pull in repository.pulls.values():
            if kind == "PullRequest" and str(pull.id) == number:
                return PullNode(repository, pull)
            for comment in pull.comments:
                if kind == "IssueComment" and str(comment.id) == number:
                    return CommentNode(repository, comment)
    raise GraphFault("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'")


def _rate(_: Any, info: Info, **_rest: Any) -> dict[str, Any]:
    call = context(info)
    used = call.token.used if call.token else 0
    left = call.hub.rate_limit - used
    reset = iso(call.hub.now())
    return {
        "cost": 1,
        "limit": call.hub.rate_limit,
        "nodeCount": 0,
        "remaining": left,
        "used": used,
        "resetAt": reset,
    }


FIELDS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "repository": _repository,
        "user": _user,
        "node": _node,
        "rateLimit": _rate,
        "viewer": lambda _, info: context(info).actor,
        "id": lambda _, _info: node_id("Query", 0),
    },
    "User": graph_pulls.ACCOUNT,
    "Bot": graph_pulls.ACCOUNT,
    "Organization": graph_pulls.ACCOUNT,
    "PullRequest": graph_pulls.PULL_REQUEST,
    "IssueComment": graph_pulls.ISSUE_COMMENT,
    "Repository": graph_repository.REPOSITORY,
    "Ref": graph_repository.REF,
    "Comparison": graph_repository.COMPARISON,
    "Commit": graph_repository.COMMIT,
    "Tree": graph_repository.TREE,
    "Blob": graph_repository.BLOB,
}
