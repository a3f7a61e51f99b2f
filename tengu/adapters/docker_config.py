"""Logins out of docker's own configuration, for one registry at a time.

docker/cli, "Configuration file properties": `auths`, `credHelpers`, `credsStore`; helpers speak the protocol of
docker-credential-helpers (`get`, host on stdin, JSON on stdout).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tengu.adapters.image_reference import DOCKER_HUB
from tengu.errors import ServiceError
from tengu.ports.image import RegistryCredentials
from tengu.secret import Secret

IDENTITY_TOKEN = "<token>"  # noqa: S105 - the user name that says "the password is an identity token"
_HUB_KEY = "https://index.docker.io/v1/"


def config_folder() -> Path:
    """Where docker keeps its configuration: $DOCKER_CONFIG or ~/.docker."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def login_for(host: str, folder: Path | None = None) -> RegistryCredentials | None:
    """The login that docker's configuration has for exactly this host; None if it has none.

    Raises ServiceError if the file or its credential helper is broken.
    """
    path = (folder or config_folder()) / "config.json"
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _broken(host, f"{path} cannot be read: {error}") from error
    key = _HUB_KEY if host == DOCKER_HUB else host
    helper = config.get("credHelpers", {}).get(host) or config.get("credsStore")
    if helper:
        return _from_helper(helper, host, key)
    auths = config.get("auths", {})
    entry = auths.get(key) or auths.get(f"https://{host}")
    return _from_entry(entry, host) if entry else None


def auth_entry(login: RegistryCredentials) -> tuple[str, dict[str, str]]:
    """Key and value of this login in the `auths` of a config.json."""
    key = _HUB_KEY if login.host == DOCKER_HUB else login.host
    if login.username == IDENTITY_TOKEN:
        return key, {"identitytoken": login.password.reveal()}
    pair = f"{login.username}:{login.password.reveal()}"
    return key, {"auth": base64.b64encode(pair.encode()).decode()}


def _from_entry(entry: Mapping[str, Any], host: str) -> RegistryCredentials | None:
    if entry.get("identitytoken"):
        return RegistryCredentials(host, IDENTITY_TOKEN, Secret(entry["identitytoken"]))
    try:
        username, _, password = base64.b64decode(entry.get("auth", ""), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _broken(host, "its entry in docker's config.json is not base64.") from error
    return RegistryCredentials(host, username, Secret(password)) if username else None


def _from_helper(helper: str, host: str, key: str) -> RegistryCredentials | None:
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run([program, "get"], input=key, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _broken(host, f"{program} did not answer: {error}") from error
    if done.returncode:
        if "not found" in (done.stdout + done.stderr).lower():
            return None
        raise _broken(host, f"{program} failed: {(done.stdout or done.stderr).strip()[:200]}")
    try:
        answer = json.loads(done.stdout)
        return RegistryCredentials(host, answer["Username"], Secret(answer["Secret"]))
    except (ValueError, KeyError) as error:
        raise _broken(host, f"{program} gave an answer that is not a login.") from error


def _broken(host: str, detail: str) -> ServiceError:
    return ServiceError("image registry", f"log in to {host}", detail, advice=f"Run `docker login {host}` again.")
