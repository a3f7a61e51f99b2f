"""Reads single environment variables and collects what is wrong with them.

No message shows a value: it may be a secret, or an address with one in it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tengu.config.errors import Problem
from tengu.secret import Secret

_LARGEST_FILE = 1_000_000


class VariableReader:
    """Variables out of one mapping; `problems` grows as they are read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environ = environ

    def plain(self, name: str) -> str:
        """The variable itself; empty if unset."""
        return self._environ.get(name, "")

    def value(self, name: str) -> str:
        """The variable, or what stands in the file that NAME_FILE names; empty if unset."""
        value, file = self.plain(name).strip(), self.plain(f"{name}_FILE")
        if value and file:
            self._problem(name, f"both {name} and {name}_FILE are set; unset one of them")
        return self._read(f"{name}_FILE", Path(file)) if file and not value else value

    def secret(self, name: str) -> Secret | None:
        """A secret on one line; None if unset."""
        value = self.value(name)
        if re.search(r"[\x00-\x20\x7f]", value):
            self._problem(name, "holds a space, line break or control character; copy it again, without them")
        return Secret(value) if value else None

    def database(self, name: str) -> Secret | None:
        """The address of a PostgreSQL database; None if unset."""
        value = self.value(name)
        if value and not value.startswith(("postgresql://", "postgres://")):
            self._problem(name, "is no PostgreSQL address; write one like postgresql://tengu@db.example.com/tengu")
        return Secret(value) if value else None

    def app(self, id_name: str, key_name: str) -> tuple[str | None, Secret | None]:
        """A GitHub App's id and private key: both, or none of them."""
        app_id, key = self.value(id_name), self.value(key_name).replace("\\n", "\n")
        if bool(app_id) != bool(key):
            missing, there = (key_name, id_name) if app_id else (id_name, key_name)
            self._problem(missing, f"not set, but {there} is: a GitHub App needs both")
        if app_id and re.fullmatch(r"[0-9]+|Iv[A-Za-z0-9.]+", app_id) is None:
            self._problem(id_name, "is no App ID: a number, or a client ID that begins with Iv")
        if key and re.match(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n", key) is None:
            self._problem(key_name, f"is no private key: the whole .pem file, best as {key_name}_FILE")
        return (app_id, Secret(key)) if app_id and key else (None, None)

    def address(self, name: str, default: str) -> str:
        """An https address (plain http on loopback only) without a slash at its end; `default` if unset."""
        value = self.value(name)
        if value and (wrong := _wrong_address(value)):
            self._problem(name, wrong)
        return (value or default).rstrip("/")

    def _read(self, name: str, path: Path) -> str:
        try:
            with path.open(encoding="utf-8") as file:
                return file.read(_LARGEST_FILE).strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._problem(name, f"the file {path} cannot be read: {why}")
            return ""

    def _problem(self, name: str, what: str) -> None:
        self.problems.append(Problem(what, key=name))


def _wrong_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", value):
        return "is no address; write one like https://example.com"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "may have no user name, password, ? or # in it"
    if parts.scheme == "http" and not _is_loopback(host):
        return "is plain http, which is fine on loopback alone: write https://"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
