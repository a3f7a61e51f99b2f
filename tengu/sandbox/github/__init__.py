"""A stand-in for GitHub on real git repositories: REST, GraphQL, git over HTTP and signed webhooks."""

from tengu.sandbox.github.stand_in import GitHubStandIn

__all__ = ["GitHubStandIn"]
