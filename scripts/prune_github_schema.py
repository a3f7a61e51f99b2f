"""Cut GitHub's published GraphQL schema down to what the stand-in answers.

The full schema is in the npm package @octokit/graphql-schema (`npm pack @octokit/graphql-schema`):

    python scripts/prune_github_schema.py package/schema.graphql > tengu/sandbox/github/schema.graphql

Fields are taken over unchanged, with all their arguments; nothing is ever written by hand. To answer one more
field, add it to WANTED and run this again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

ACTOR = "avatarUrl login resourcePath url"
CONNECTION = "edges nodes pageInfo totalCount"
EDGE = "cursor node"
GIT_OBJECT = "abbreviatedOid commitResourcePath commitUrl id oid repository"

WANTED = {
    "Query": "id node rateLimit repository user viewer",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
    "Node": "id",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Actor": ACTOR,
    "Bot": ACTOR + " databaseId id",
    "User": ACTOR + " databaseId email id name",
    "Organization": ACTOR + " databaseId id name",
    "RepositoryOwner": "avatarUrl id login resourcePath url",
    "Repository": "databaseId defaultBranchRef deleteBranchOnMerge id isPrivate mergeCommitAllowed name nameWithOwner"
    " object owner pullRequest pullRequests rebaseMergeAllowed ref refs squashMergeAllowed url viewerPermission",
    "Ref": "associatedPullRequests compare id name prefix repository target",
    "RefConnection": CONNECTION,
    "RefEdge": EDGE,
    "Comparison": "aheadBy baseTarget behindBy commits headTarget id status",
    "ComparisonCommitConnection": CONNECTION,
    "GitObject": GIT_OBJECT,
    "Commit": GIT_OBJECT + " associatedPullRequests author authoredDate committedDate committer history message"
    " messageBody messageHeadline parents url",
    "Tree": GIT_OBJECT,
    "Blob": GIT_OBJECT + " byteSize isBinary text",
    "CommitConnection": CONNECTION,
    "CommitHistoryConnection": CONNECTION,
    "CommitEdge": EDGE,
    "GitActor": "date email name user",
    "PullRequest": "additions assignees author baseRef baseRefName baseRefOid body changedFiles closed closedAt"
    " comments commits createdAt databaseId deletions editor files fullDatabaseId headRef headRefName headRefOid id"
    " isCrossRepository isDraft labels lastEditedAt mergeCommit mergeable merged mergedAt mergedBy number"
    " potentialMergeCommit repository state title updatedAt url userContentEdits",
    "PullRequestConnection": CONNECTION,
    "PullRequestEdge": EDGE,
    "PullRequestCommit": "commit id url",
    "PullRequestCommitConnection": CONNECTION,
    "PullRequestCommitEdge": EDGE,
    "PullRequestChangedFile": "additions changeType deletions path",
    "PullRequestChangedFileConnection": CONNECTION,
    "PullRequestChangedFileEdge": EDGE,
    "IssueComment": "author body createdAt databaseId editor fullDatabaseId id lastEditedAt updatedAt url"
    " userContentEdits",
    "IssueCommentConnection": CONNECTION,
    "IssueCommentEdge": EDGE,
    "Label": "color description id name",
    "LabelConnection": CONNECTION,
    "LabelEdge": EDGE,
    "UserConnection": CONNECTION,
    "UserEdge": EDGE,
    "UserContentEdit": "createdAt deletedAt deletedBy diff editedAt editor id updatedAt",
    "UserContentEditConnection": CONNECTION,
    "UserContentEditEdge": EDGE,
}


def prune(full: DocumentNode) -> str:
    """The pruned schema as text. Raises SystemExit where WANTED names what GitHub does not publish, or keeps a
    field whose type is not kept."""
    types = {node.name.value: node for node in full.definitions if isinstance(node, TypeDefinitionNode)}
    kept: dict[str, TypeDefinitionNode] = {}
    for name, fields in WANTED.items():
        kept[name] = _cut(types[name], fields.split())
    queue = list(kept.values())
    while queue:
        for name in sorted(_references(queue.pop())):
            if name in kept or name not in types:
                continue
            if isinstance(types[name], ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
                raise SystemExit(f"{name} is needed by a kept field: add it to WANTED")
            kept[name] = _cut(types[name], [])
            queue.append(kept[name])
    head = "# Part of GitHub's published GraphQL schema, cut by scripts/prune_github_schema.py. Do not edit.\n\n"
    return head + "\n\n".join(print_ast(kept[name]) for name in sorted(kept)) + "\n"


def _cut(node: TypeDefinitionNode, fields: list[str]) -> TypeDefinitionNode:
    node.description = None
    node.directives = ()
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        missing = set(fields) - {field.name.value for field in node.fields}
        if missing:
            raise SystemExit(f"GitHub publishes no {node.name.value}.{', '.join(sorted(missing))}")
        node.interfaces = tuple(one for one in node.interfaces if one.name.value in WANTED)
        node.fields = tuple(_bare(field) for field in node.fields if field.name.value in fields)
    elif isinstance(node, UnionTypeDefinitionNode):
        node.types = tuple(one for one in node.types if one.name.value in WANTED)
    elif isinstance(node, EnumTypeDefinitionNode):
        for value in node.values:
            value.description, value.directives = None, ()
    elif isinstance(node, InputObjectTypeDefinitionNode):
        for entry in node.fields:
            entry.description, entry.directives = None, ()
    return node


def _bare(field: FieldDefinitionNode) -> FieldDefinitionNode:
    field.description, field.directives = None, ()
    for argument in field.arguments:
        argument.description, argument.directives = None, ()
    return field


def _references(node: Node) -> set[str]:
    """Names of all types that this definition mentions in fields, arguments and inputs."""
    found: set[str] = set()
    for field in getattr(node, "fields", None) or ():
        found.add(_named(field.type))
        found.update(_named(argument.type) for argument in getattr(field, "arguments", None) or ())
    return found


def _named(node: TypeNode) -> str:
    inner: Node = node
    while hasattr(inner, "type"):
        inner = inner.type
    return str(inner.name.value)  # type: ignore[attr-defined]  # what is left is a NamedTypeNode


if __name__ == "__main__":
    sys.stdout.write(prune(parse(Path(sys.argv[1]).read_text(encoding="utf-8"), no_location=True)))
