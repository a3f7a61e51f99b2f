"""`GET /healthz` and `GET /readyz`."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tengu import __version__
from tengu.usecases.readiness import Readiness


def create_health_router(readiness: Readiness, revision: str) -> APIRouter:
    """Alive, and ready to take requests.

    Args:
        revision: commit that Tengu was built from.
    """
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> JSONResponse:
        return JSONResponse({"status": "alive", "version": __version__, "revision": revision})

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        report = readiness()
        return JSONResponse(report.to_json(), 200 if report.is_ready else 503)

    return router
