"""Errors in the shape in which GitHub answers them."""

from __future__ import annotations

from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"


class GitHubError(Exception):
    """GitHub refuses.

    Args:
        status: HTTP status.
        message: what GitHub says.
        errors: details of a 422.
    """

    def __init__(self, status: int, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        detail = "; ".join(str(error.get("message", error)) for error in errors or ())
        super().__init__(f"{status} {message}" + (f": {detail}" if detail else ""))
        self.status = status
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """The JSON that goes with it."""
        answer: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            answer["errors"] = self.errors
        return {**answer, "documentation_url": DOCUMENTATION, "status": str(self.status)}


def not_found() -> GitHubError:
    """404: there is none, or this token may not see it."""
    return GitHubError(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str | None = None) -> GitHubError:
    """422 about one field; code `custom` carries a message."""
    error = {"resource": resource, "field": field, "code": code}
    return GitHubError(422, "Validation Failed", [{**error, "message": message} if message else error])


def custom(resource: str, message: str) -> GitHubError:
    """422 about the whole."""
    return GitHubError(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message}])
