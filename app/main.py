"""Nest's ``main.ts``: settings in, a running application out."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app.adapters.clerk.claimed_expiry import claimed_expiry
from app.adapters.clerk.pem_signing_key import SigningKeyError
from app.adapters.development.development_issuer import DevelopmentIssuer
from app.adapters.development.signing_key_file import DevelopmentKeyError
from app.adapters.sql.database import Database
from app.adapters.sql.database_url import DatabaseUrlError
from app.adapters.sql.schema import SchemaError
from app.adapters.system.system_clock import SystemClock
from app.config import IN_MEMORY, Settings
from app.domain.errors import AuthenticationError
from app.domain.ids import UserId
from app.framework import EngineOptions, IoAdapter, IoOptions, NestApplication, NestFactory
from app.later_settings import settings_without_effect
from app.modules import create_app_module
from app.ports import Membership
from app.ports.token_blacklist import token_digest
from app.services.channel_service import (
    ChannelService,
    MalformedMembershipError,
    parse_membership,
)
from app.services.revocation_term import revocation_seconds
from app.services.token_blacklist_service import TokenBlacklistService
from app.sockets.authenticated_socket import AuthenticatedSocket

DEMO_SEED_FILE = Path(__file__).parent / "web" / "demo_seed.json"

_NOT_OURS = (DatabaseUrlError, DevelopmentKeyError, SchemaError, SigningKeyError)
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
    stopped = _stop_signal()
    _warn_of(settings)
    app = create_application(settings)
    received: signal.Signals | None = None
    try:
        await _open(app)
        await app.get(ChannelService).seed(seed_of(settings))
        on_listening(await _listen(app, settings))
        received = await stopped
    finally:
        await app.close(received)


async def migrate_database(settings: Settings) -> None:
    """``python -m app migrate``."""
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which has no tables to migrate.")
    try:
        database = Database(settings.database_url, migrate=True)
        try:
            await database.on_module_init()
        finally:
            await database.on_application_shutdown(None)
    except _NOT_OURS as error:
        raise StartError(str(error)) from error


async def seed_database(settings: Settings, file: Path) -> Membership:
    """``python -m app seed FILE``. Returns what the file names.

    Who is connected to a running server gets the rooms of new channels by connecting again.

    Raises:
        StartError: The file or the database is not usable.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server would see; set SEED_FILE there.")
    membership = _read_seed(file)
    async with _opened(settings) as app:
        await app.get(ChannelService).seed(membership)
    return membership


@dataclass(frozen=True, slots=True)
class Revocation:
    """What `revoke_token` has stored: the token's SHA-256 in hex, and until when it counts."""

    digest: str
    until: datetime


async def revoke_token(settings: Settings, text: str) -> Revocation:
    """``python -m app revoke``: a running server hears of it within two seconds.

    The token counts as revoked for as long as it may be accepted. White space around it and a
    ``Bearer`` before it are dropped: no server takes them for a part of it.

    Raises:
        StartError: The text is no session token, or there is no database to store it in.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server would see; nothing was revoked.")
    token = re.sub(r"^bearer\s+", "", text.strip(), flags=re.IGNORECASE)
    try:
        expires_at = claimed_expiry(token)
    except AuthenticationError:
        raise StartError(
            "That is no session token, so nothing was revoked; "
            "give it as clients send it: three parts with dots between."
        ) from None
    now = SystemClock().now()
    ttl_seconds = revocation_seconds(expires_at, now)
    async with _opened(settings) as app:
        await app.get(TokenBlacklistService).blacklist_token(token, ttl_seconds)
    return Revocation(token_digest(token), now + timedelta(seconds=ttl_seconds))


def issue_token(settings: Settings, user_id: UserId, ttl_seconds: int) -> str:
    """``python -m app token``: a token of the development issuer, server running or not."""
    if not settings.uses_development_issuer:
        raise StartError("Tokens come from Clerk here; there is no development issuer to ask.")
    try:
        return create_application(settings).get(DevelopmentIssuer).token(user_id, ttl_seconds)
    except DevelopmentKeyError as error:
        raise StartError(str(error)) from error


def seed_of(settings: Settings) -> Membership:
    """``SEED_FILE``; without one, and with the development issuer, the demo users."""
    if settings.seed_file is not None:
        return _read_seed(settings.seed_file)
    return _read_seed(DEMO_SEED_FILE) if settings.uses_development_issuer else {}


def _read_seed(file: Path) -> Membership:
    try:
        return parse_membership(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedMembershipError) as error:
        raise StartError(f"The seed file {file} cannot be used: {error}") from error


def _warn_of(settings: Settings) -> None:
    if settings.auth_expiry == "handshake":
        _log.warning(
            "expired sessions stay connected: AUTH_EXPIRY=handshake checks at connect only"
        )
    if settings.app_env == "production" and settings.database_url == IN_MEMORY:
        _log.warning("nothing survives a restart, revocations included: DATABASE_URL is memory:")
    if names := settings_without_effect():
        _log.warning(f"not supported yet, so without effect: {', '.join(names)}")


async def _open(app: NestApplication) -> None:
    try:
        await app.init()
    except _NOT_OURS as error:
        raise StartError(str(error)) from error


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
        await _open(app)
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
