"""GitHub over PyGithub: the only place that imports it, and none of its objects leave."""

from tengu.adapters.github.code_host import GitHubCodeHost
from tengu.adapters.github.credentials import AppCredentials, TokenCredentials

__all__ = ["AppCredentials", "GitHubCodeHost", "TokenCredentials"]
