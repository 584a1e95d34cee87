"""Nest's ``main.ts``: settings in, a running application out."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path

import structlog

from app.adapters.clerk.pem_signing_key import SigningKeyError
from app.adapters.development.development_issuer import DevelopmentIssuer
from app.adapters.development.signing_key_file import DevelopmentKeyError
from app.adapters.sql.database import Database
from app.adapters.sql.database_url import DatabaseUrlError, parse_database_url, sqlite_file
from app.adapters.sql.opening import DatabaseOpenError
from app.adapters.sql.schema import SchemaError
from app.adapters.sql.server_mark import only_server_on
from app.config import IN_MEMORY, Settings
from app.domain.ids import UserId
from app.framework import EngineOptions, IoAdapter, IoOptions, NestApplication, NestFactory
from app.modules import create_app_module
from app.ports import Membership
from app.services.channel_service import (
    ChannelService,
    MalformedMembershipError,
    parse_membership,
)
from app.services.token_blacklist_service import TokenBlacklistService
from app.sockets.authenticated_socket import AuthenticatedSocket

DEMO_SEED_FILE = Path(__file__).parent / "web" / "demo_seed.json"

_DAY_SECONDS = 86_400

_NOT_OURS = (
    DatabaseOpenError,
    DatabaseUrlError,
    DevelopmentKeyError,
    SchemaError,
    SigningKeyError,
)
"""What a file, a key or a database outside can have wrong; each says how to mend it."""

_log = structlog.stdlib.get_logger("Bootstrap")


class StartError(Exception):
    """Something outside the code is in the way; the text is a sentence with the mend."""


def create_application(settings: Settings) -> NestApplication:
    """The application, put together; nothing is opened yet."""
    engine = EngineOptions(
        origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        ping_interval_seconds=settings.ping_interval_seconds,
        ping_timeout_seconds=settings.ping_timeout_seconds,
        max_frame_bytes=settings.max_frame_bytes,
        socket_queue_max_bytes=settings.socket_queue_max_bytes,
    )
    adapter = IoAdapter(IoOptions(socket_class=AuthenticatedSocket, engine=engine))
    return NestFactory.create(create_app_module(settings), adapter)


async def bootstrap(settings: Settings, on_listening: Callable[[str], None]) -> None:
    """Start, call back with the URL, serve until SIGINT or SIGTERM, and end cleanly.

    A second signal ends the process at once.

    Raises:
        StartError: The port is taken, a file or the database is not usable.
        BootError: The application is put together wrongly.
    """
    with _start_errors(), _only_server(settings):
        await _serve(settings, on_listening)


async def _serve(settings: Settings, on_listening: Callable[[str], None]) -> None:
    stopped = _stop_signal()
    if settings.auth_expiry == "handshake":
        _log.warning(
            "expired sessions stay connected: AUTH_EXPIRY=handshake checks at connect only"
        )
    app = create_application(settings)
    received: signal.Signals | None = None
    try:
        await app.init()
        await app.get(ChannelService).seed(seed_of(settings))
        on_listening(await _listen(app, settings))
        received = await stopped
    finally:
        await app.close(received)


async def migrate_database(settings: Settings) -> None:
    """``python -m app migrate``."""
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which has no tables to migrate.")
    with _start_errors():
        database = Database(settings.database_url, migrate=True)
        try:
            await database.on_module_init()
        finally:
            await database.on_application_shutdown(None)


async def seed_database(settings: Settings, file: Path) -> None:
    """``python -m app seed FILE``."""
    membership = _read_seed(file)
    async with _opened(settings) as app:
        await app.get(ChannelService).seed(membership)


async def revoke_token(settings: Settings, token: str) -> None:
    """``python -m app revoke``: a running server hears of it within two seconds."""
    async with _opened(settings) as app:
        await app.get(TokenBlacklistService).blacklist_token(token, _DAY_SECONDS)


def issue_token(settings: Settings, user_id: UserId, ttl_seconds: int) -> str:
    """``python -m app token``: a token of the development issuer, server running or not.

    For anybody: whether there is such a user is not asked.
    """
    if not settings.uses_development_issuer:
        raise StartError("Tokens come from Clerk here; there is no development issuer to ask.")
    if not user_id:
        raise StartError("The user has no name; give an id, such as user_alice.")
    with _start_errors():
        return create_application(settings).get(DevelopmentIssuer).token(user_id, ttl_seconds)


def seed_of(settings: Settings) -> Membership:
    """``SEED_FILE``; without one, and with the development issuer, the demo users."""
    if settings.seed_file is not None:
        return _read_seed(settings.seed_file)
    return _read_seed(DEMO_SEED_FILE) if settings.uses_development_issuer else {}


def _read_seed(file: Path) -> Membership:
    try:
        return parse_membership(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedMembershipError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise StartError(
            f"The seed file {file} cannot be used ({reason}); mend it, or name another."
        ) from error


@contextmanager
def _start_errors() -> Iterator[None]:
    try:
        yield
    except _NOT_OURS as error:
        raise StartError(str(error)) from error


def _only_server(settings: Settings) -> AbstractContextManager[None]:
    """Two servers on one SQLite file would not hear each other's events."""
    if settings.database_url == IN_MEMORY:
        return nullcontext()
    file = sqlite_file(parse_database_url(settings.database_url))
    return nullcontext() if file is None else only_server_on(file)


async def _listen(app: NestApplication, settings: Settings) -> str:
    try:
        return await app.listen(settings.port, settings.host)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "stop what uses it, or set PORT to another one."
        ) from error


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[NestApplication]:
    """The application without its server, for commands."""
    app = create_application(settings)
    try:
        with _start_errors():
            await app.init()
        yield app
    finally:
        await app.close()


def _stop_signal() -> "asyncio.Future[signal.Signals]":
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        stopped.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return stopped
