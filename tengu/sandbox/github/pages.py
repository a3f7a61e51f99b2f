"""The few HTML pages that links lead to."""

from __future__ import annotations

from html import escape

from tengu.sandbox.github.model import PullRequest, Repository

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<body><h1>{title}</h1><p>{line}</p><pre>{text}</pre></body></html>"""


def pull_page(repository: Repository, pull: PullRequest) -> str:
    """One pull request: title, state, body."""
    state = "Merged" if pull.merged_at else pull.state.capitalize()
    title = f"{pull.title} #{pull.number} · {repository.full_name}"
    line = f"{state}: {pull.author.login} wants to merge {pull.head} into {pull.base}"
    return PAGE.format(title=escape(title), line=escape(line), text=escape(pull.body))


def commit_page(repository: Repository, sha: str) -> str:
    """One commit: message and author."""
    commit = repository.store.commit(sha)
    title = f"{commit.title} · {repository.full_name}@{sha[:7]}"
    line = f"{commit.author.name} committed at {commit.committer.at:%Y-%m-%d %H:%M} UTC"
    return PAGE.format(title=escape(title), line=escape(line), text=escape(commit.message))
