"""Can an outside service be reached at all?"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from tengu.errors import ServiceError


@dataclass(frozen=True)
class HttpProbe:
    """Callable; any answer below 500 will do, since no credentials are sent."""

    service: str
    url: str

    def __call__(self) -> None:
        """Raises ServiceError if nobody answers, or the service says that it is broken."""
        try:
            status = httpx.get(self.url, timeout=3, trust_env=False).status_code
        except httpx.HTTPError as error:
            raise ServiceError(self.service, "GET", f"no answer ({type(error).__name__})", transient=True) from error
        if status >= 500:
            raise ServiceError(self.service, "GET", f"status {status}", transient=True)
