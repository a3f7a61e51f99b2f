"""GraphQL, executed on (a part of) the schema that GitHub publishes: a wrong type of ours is an error here too."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from tengu.sandbox.github.call import Call
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.graph_fields import FIELDS
from tengu.sandbox.github.graph_nodes import GraphFault, type_name


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The schema with its resolvers."""
    built = build_schema(files("tengu.sandbox.github").joinpath("schema.graphql").read_text(encoding="utf-8"))
    for name, kind in built.type_map.items():
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = type_name
        elif isinstance(kind, GraphQLObjectType):
            for field, resolver in FIELDS.get(name, {}).items():
                if field in kind.fields:
                    kind.fields[field].resolve = resolver
    return built


def execute(call: Call) -> dict[str, Any]:
    """Answer one GraphQL request, errors included (GitHub answers those with status 200 too).

    Raises GitHubError 401 for anonymous callers and 400 where there is no query.
    """
    if call.token is None:
        raise GitHubError(401, "This endpoint requires you to be authenticated.")
    query, variables = call.body.get("query"), call.body.get("variables") or {}
    if not isinstance(query, str) or not isinstance(variables, dict):
        raise GitHubError(400, "A query attribute must be specified and must be a string.")
    try:
        document = parse(query)
    except GraphQLError as error:
        return {"errors": [error.formatted]}
    problems = validate(schema(), document)
    if problems:
        return {"errors": [problem.formatted for problem in problems]}
    done = execute_sync(schema(), document, context_value=call, variable_values=variables)
    answer: dict[str, Any] = {"data": done.data}
    return {**answer, "errors": [_formatted(error) for error in done.errors]} if done.errors else answer


def _formatted(error: GraphQLError) -> dict[str, Any]:
    shown: dict[str, Any] = dict(error.formatted)
    if isinstance(error.original_error, GraphFault):
        return {"type": error.original_error.kind, **shown}
    return shown
