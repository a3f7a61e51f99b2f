"""What is wrong with the configuration: everything at once, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tengu.errors import TenguError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        what: what is wrong and what to write instead; plain text.
        file: path of the file as the person gave it; empty for environment variables.
        line, column: counted from 1; 0 where there is none.
        key: full path of the key (`apps.web.channel`), or the name of the environment variable; may be empty.
    """

    what: str
    file: str = ""
    line: int = 0
    column: int = 0
    key: str = ""

    def __str__(self) -> str:
        place = ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])
        return ": ".join(part for part in (place, self.key, self.what) if part)


class ConfigurationError(TenguError):
    """Tengu cannot start like this. Its text has one line for each problem, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
