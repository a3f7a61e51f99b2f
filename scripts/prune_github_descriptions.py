"""Cut GitHub's published REST and webhook descriptions down to what the stand-in answers and sends.

The full ones are in the npm packages @octokit/openapi and @octokit/openapi-webhooks (file
generated/api.github.com.json in each; API version 2022-11-28, the one GitHub serves to clients that name none):

    python scripts/prune_github_descriptions.py rest.json webhooks.json > tests/stand_ins/github_published.json

Left out on purpose: GET /app/installations, whose description wants an account that is a user and an enterprise at
once. The outcome is one JSON Schema (2020-12): `rest` by "METHOD path" and status, `webhooks` by "event.action".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REPO = "/repos/{owner}/{repo}"
WANTED_REST = {
    "/app": "get",
    "/app/installations/{installation_id}/access_tokens": "post",
    "/installation/repositories": "get",
    "/rate_limit": "get",
    "/user": "get",
    "/users/{username}": "get",
    REPO: "get",
    REPO + "/branches": "get",
    REPO + "/branches/{branch}": "get",
    REPO + "/collaborators/{username}/permission": "get",
    REPO + "/commits": "get",
    REPO + "/commits/{commit_sha}/pulls": "get",
    REPO + "/commits/{ref}": "get",
    REPO + "/commits/{ref}/status": "get",
    REPO + "/commits/{ref}/statuses": "get",
    REPO + "/compare/{basehead}": "get",
    REPO + "/deployments": "get post",
    REPO + "/deployments/{deployment_id}": "get",
    REPO + "/deployments/{deployment_id}/statuses": "get post",
    REPO + "/git/commits/{commit_sha}": "get",
    REPO + "/git/matching-refs/{ref}": "get",
    REPO + "/git/ref/{ref}": "get",
    REPO + "/git/refs": "post",
    REPO + "/git/refs/{ref}": "patch delete",
    REPO + "/installation": "get",
    REPO + "/issues/comments/{comment_id}": "get patch delete",
    REPO + "/issues/{issue_number}/comments": "get post",
    REPO + "/pulls": "get post",
    REPO + "/pulls/{pull_number}": "get patch",
    REPO + "/pulls/{pull_number}/commits": "get",
    REPO + "/pulls/{pull_number}/files": "get",
    REPO + "/pulls/{pull_number}/merge": "get put",
    REPO + "/statuses/{sha}": "post",
}
WANTED_WEBHOOKS = {
    "ping": "ping",
    "push": "push",
    **{f"pull-request-{action}": f"pull_request.{action}" for action in ("opened", "edited", "closed", "synchronize")},
    "pull-request-reopened": "pull_request.reopened",
}
PROSE = {"description", "summary", "example", "examples", "title", "externalDocs", "deprecated", "default"}


class Pruner:
    """Collects schemas and the components they need.

    Args:
        components: `components` of one description.
        prefix: keeps the components of two descriptions apart.
    """

    def __init__(self, components: dict[str, Any], prefix: str) -> None:
        self._components = components
        self._prefix = prefix
        self.defs: dict[str, Any] = {}

    def schema(self, node: Any) -> Any:
        """The node as JSON Schema 2020-12, without prose."""
        if isinstance(node, list):
            return [self.schema(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return self._reference(node["$ref"])
        nullable = node.get("nullable", False)
        cut = {
            key: self._properties(value) if key == "properties" else self.schema(value)
            for key, value in node.items()
            if key not in PROSE and key != "nullable" and not key.startswith("x-")
        }
        return _or_null(cut) if nullable else cut

    def _properties(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {name: self.schema(value) for name, value in properties.items()}

    def _reference(self, reference: str) -> dict[str, str]:
        name = reference.rpartition("/")[2]
        key = self._prefix + name
        if key not in self.defs:
            self.defs[key] = {}  # stands in while a schema that refers to itself is cut
            self.defs[key] = self.schema(self._components["schemas"][name])
        return {"$ref": f"#/$defs/{key}"}

    def response(self, node: dict[str, Any]) -> dict[str, Any]:
        """The JSON schema of a response (itself perhaps a reference); {} if it has no body."""
        if "$ref" in node:
            node = self._components["responses"][node["$ref"].rpartition("/")[2]]
        content = node.get("content", {}).get("application/json")
        return self.schema(content["schema"]) if content else {}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str) and not {"allOf", "anyOf", "oneOf"} & schema.keys():
        schema["type"] = [kind, "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def prune(rest: dict[str, Any], webhooks: dict[str, Any]) -> dict[str, Any]:
    """The pruned schema; KeyError where GitHub does not publish what is wanted."""
    answers, events = Pruner(rest["components"], ""), Pruner(webhooks["components"], "hook-")
    operations = {
        f"{method.upper()} {path}": {
            status: answers.response(response) for status, response in rest["paths"][path][method]["responses"].items()
        }
        for path, methods in WANTED_REST.items()
        for method in methods.split()
    }
    payloads = {
        event: events.schema(webhooks["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"])
        for name, event in WANTED_WEBHOOKS.items()
    }
    return {
        "$comment": "Part of GitHub's published descriptions, cut by scripts/prune_github_descriptions.py.",
        "rest": operations,
        "webhooks": payloads,
        "$defs": {**answers.defs, **events.defs},
    }


if __name__ == "__main__":
    documents = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3]]
    json.dump(prune(*documents), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
