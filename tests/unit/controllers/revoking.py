"""A session service that records revocations, and a server with one controller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.controllers.requests.refusal_log import RefusalLog
from app.domain.credential import Revocation, RevocationKind
from app.framework.core.http.router import routes_of
from app.ports import Clock
from app.services.session_service import Revoked, SessionService
from tests.doubles.manual_clock import ManualClock

UNTIL = datetime(2026, 1, 31, 9, 30, 0, 123_000, UTC)

PROXIES = (ip_network("127.0.0.0/8"),)

Client = TestClient[web.Request, web.Application]


class RecordingSessionService(SessionService):
    """Records revocations, which end at `UNTIL`. If ``failure`` is set, `revoke` raises it."""

    failure: Exception | None = None

    def __init__(self) -> None:
        self.revoked: list[tuple[RevocationKind, str]] = []

    async def revoke(self, kind: RevocationKind, value: str) -> Revoked:
        if self.failure is not None:
            raise self.failure
        self.revoked.append((kind, value))
        return Revoked(Revocation(kind, value), UNTIL)


def refusal_log(clock: Clock | None = None) -> RefusalLog:
    """Create a log that trusts proxies on this machine."""
    return RefusalLog(clock or ManualClock(), PROXIES)


@asynccontextmanager
async def serving(controller: object, *guards: object) -> AsyncIterator[Client]:
    """Serve the controller. Each guard replaces its class in the controller's ``use_guards``."""
    found = {type(guard): guard for guard in guards}
    app = web.Application()
    app.router.add_routes(
        routes_of(controller, resolve=lambda named, _: found.get(named, named))  # type: ignore[call-overload]
    )
    server = TestServer(app)
    await server.start_server(auto_decompress=False)  # NestApplication sets the same option.
    async with TestClient(server) as client:
        yield client
