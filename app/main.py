"""Nest's ``main.ts``: builds the application from the settings, and runs it."""

import asyncio
import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeAlias

import structlog

from app import __version__
from app.adapters.clerk.pem_signing_key import SigningKeyError
from app.adapters.clerk.webhook_verifier import WebhookSecretError
from app.adapters.development.signing_key_file import DevelopmentKeyError
from app.adapters.redis.pool import RedisUrlError
from app.adapters.sql.connection.opening import DatabaseOpenError
from app.adapters.sql.connection.sqlite_file import sqlite_server_lock
from app.adapters.sql.connection.url import DatabaseUrlError, parse_database_url, sqlite_file
from app.adapters.sql.schema.upgrade import SchemaError
from app.adapters.system import file_descriptors
from app.adapters.system.stop_request import StopRequest, stop_request
from app.adapters.system.worker_link import WorkerLink
from app.config.settings import IN_MEMORY, Settings
from app.domain.errors import Unavailable
from app.domain.time_limits import CLOSING_SECONDS, DISCONNECT_SECONDS
from app.framework import EngineOptions, IoAdapter, IoOptions, NestApplication, NestFactory
from app.gateways.drain_notice import DrainNotice
from app.guards.event_weight import check_event_weights
from app.modules import create_app_module
from app.ports import ChannelRepository, Membership
from app.services.authentication_service import client_network
from app.services.channel_service import ChannelService
from app.services.channels.seed_file import MalformedMembershipError, parse_membership
from app.sockets.authenticated_socket import AuthenticatedSocket

_LISTEN_FIXES = {
    errno.EACCES: "set PORT to 1024 or above, or give this user the right to use this port",
    errno.EADDRINUSE: "stop the program that uses it, or set another PORT",
    errno.EADDRNOTAVAIL: "set HOST to an address of this machine",
}

DEMO_SEED_FILE = Path(__file__).parent / "web" / "demo_seed.json"

_ACK_SHARE = 0.6
"""The share of the time for closing in which clients still get the acks of running events."""

_LAST_ADMISSIONS_SECONDS = 0.5
"""The time in which a released worker admits clients on connections that it has accepted."""

_EXTERNAL_ERRORS = (
    DatabaseOpenError,
    DatabaseUrlError,
    DevelopmentKeyError,
    RedisUrlError,
    SchemaError,
    SigningKeyError,
    WebhookSecretError,
)
"""Errors caused by a file, a key or a database. Each error's text explains the fix."""

_log = structlog.stdlib.get_logger("Bootstrap")


class StartError(Exception):
    """The server or a command cannot start. The text explains the problem and how to fix it."""


def create_application(settings: Settings) -> NestApplication:
    """Build the application without opening any file or connection."""
    engine = EngineOptions(
        origins=settings.cors_origins,
        origins_setting="CORS_ORIGINS",
        trusted_proxies=settings.trusted_proxies,
        warn_of_forwarded=settings.app_env == "production",
        client_network=client_network,
        max_connecting_per_address=settings.max_connecting_per_address,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        ping_interval_seconds=settings.ping_interval_seconds,
        ping_timeout_seconds=settings.ping_timeout_seconds,
        max_frame_bytes=settings.max_frame_bytes,
        socket_queue_max_bytes=settings.socket_queue_max_bytes,
        max_packets_per_second=settings.max_packets_per_second,
        # Only these fields of a handshake are kept. If a gateway needs another field, add it here.
        auth_fields=frozenset({"token"}),
        header_names=frozenset(),
        query_names=frozenset(),
    )
    module = create_app_module(settings)
    cluster = module.cluster.cluster()
    adapter = IoAdapter(IoOptions(socket_class=AuthenticatedSocket, engine=engine, cluster=cluster))
    return NestFactory.create(module, adapter)


OnListening: TypeAlias = Callable[[str, Membership], None]
"""A callback that receives the URL and the seeded users once the server listens."""


async def bootstrap(
    settings: Settings, on_listening: OnListening, link: WorkerLink | None = None
) -> None:
    """Start the server, call ``on_listening``, and serve until SIGINT, SIGTERM or SIGHUP.

    SIGINT (Ctrl-C) closes at once. After SIGTERM or SIGHUP the server continues to serve while
    ``/health/ready`` answers 503, disconnects its clients in batches, and exits within
    ``DRAIN_SECONDS``. A second SIGINT or SIGTERM kills the process.

    Args:
        link: In a worker, the connection to its supervisor, which has called `prepare_process`. A
            worker listens on the link's sockets. When it is released, it stops listening and then
            disconnects its clients in batches; ``/health/ready`` stays as it is, because other
            workers answer at the same port. It ignores a second signal: the supervisor kills it.

    Raises:
        StartError: The port is in use, or a file or the database cannot be used.
        BootError: The application's modules or gateways are declared inconsistently.
    """
    with start_errors(), _lock_sqlite_file(settings):
        await _serve(settings, on_listening, link)


def prepare_process(settings: Settings) -> None:
    """Warn of settings with unexpected effects, and raise the limit of open files."""
    _warn_of(settings)
    file_descriptors.warn_if_low(file_descriptors.raise_limit())


async def _serve(settings: Settings, on_listening: OnListening, link: WorkerLink | None) -> None:
    stopped = stop_request(link)
    if link is None:
        prepare_process(settings)
    app = create_application(settings)
    received: signal.Signals | None = None
    closed_by: float | None = None
    try:
        check_event_weights(app.events())
        await app.init()
        seeded = await _seed(app, settings)
        if link is None:
            with listen_errors(settings):
                await app.listen(settings.port, settings.host)
        else:
            await app.listen_on(link.sockets)
        # Make garbage collection rare, and exclude the objects created so far: they live until the
        # exit. With a threshold of 20,000, collections during a burst of 1,000 receipts take a
        # tenth of the server's CPU time, because the burst's objects live until the acks.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 50)
        _log.info("started", url=settings.base_url, version=__version__)
        on_listening(settings.base_url, seeded)
        stop = await stopped
        received = stop.signal
        if stop.is_released:
            await app.stop_listening()
        if received is not signal.SIGINT and settings.drain_seconds:
            closed_by = asyncio.get_running_loop().time() + settings.drain_seconds
            await _drain(app, stop, settings.drain_seconds)
    finally:
        try:
            async with asyncio.timeout_at(closed_by):
                await app.close(received)
        except TimeoutError:
            _log.error("closing timed out", drain_seconds=settings.drain_seconds)


async def _drain(app: NestApplication, stop: StopRequest, drain_seconds: float) -> None:
    """Serve until no more clients arrive; then disconnect the clients in batches."""
    closing_seconds = min(drain_seconds / 2, CLOSING_SECONDS)
    disconnect_seconds = min(drain_seconds / 5, DISCONNECT_SECONDS)
    serving_seconds = drain_seconds - disconnect_seconds - closing_seconds
    if stop.is_released:
        # Admit the clients whose connections were accepted just before.
        serving_seconds = min(serving_seconds, _LAST_ADMISSIONS_SECONDS)
    else:
        await app.drain()
    _log.info("draining", signal=stop.signal.name, serving_seconds=round(serving_seconds, 3))
    await asyncio.sleep(serving_seconds)
    app.get(DrainNotice).send()
    await app.disconnect_clients(disconnect_seconds, closing_seconds * _ACK_SHARE)


def seed_of(settings: Settings) -> Membership:
    """Return the content of ``SEED_FILE``.

    Without a ``SEED_FILE``, return the demo users if the development issuer is used.
    """
    if settings.seed_file is not None:
        return read_seed(settings.seed_file)
    return read_seed(DEMO_SEED_FILE) if settings.uses_development_issuer else {}


async def _seed(app: NestApplication, settings: Settings) -> Membership:
    """Seed the storage, and return the seeded users who exist now.

    Demo users are added only to an empty database: other databases may have real users.
    """
    membership = seed_of(settings)
    # mypy does not accept a protocol as a type (its issue 4717).
    channels = app.get(ChannelRepository)  # type: ignore[type-abstract]
    if settings.seed_file is None and await channels.users(limit=1):
        present = {user_id: await channels.channels_of(user_id) for user_id in membership}
        return {user_id: channel_ids for user_id, channel_ids in present.items() if channel_ids}
    await seed(app, membership)
    return membership


async def seed(app: NestApplication, membership: Membership) -> None:
    """Store missing users, channels and memberships; raise `StartError` if the storage fails."""
    try:
        await app.get(ChannelService).seed(membership)
    except Unavailable:
        raise StartError(
            "The database rejected the seed; `python -m app doctor` may say why."
        ) from None


def read_seed(file: Path) -> Membership:
    """Return the content of a seed file; raise `StartError` if it is missing or malformed."""
    try:
        return parse_membership(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, MalformedMembershipError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise StartError(
            f"The seed file {file} cannot be used ({reason}); fix it, or name another."
        ) from error


def _warn_of(settings: Settings) -> None:
    if settings.auth_expiry == "handshake":
        _log.warning(
            "expired sessions stay connected, as AUTH_EXPIRY=handshake checks at connect only"
        )
    if settings.app_env == "production" and settings.database_url == IN_MEMORY:
        lost = "nothing" if settings.redis_url is None else "nothing but revocations"
        _log.warning(f"{lost} survives a restart: DATABASE_URL is memory:")
    if "null" in settings.cors_origins:
        _log.warning(
            "CORS_ORIGINS contains null: every sandboxed page and every local file may connect"
        )


@contextmanager
def start_errors() -> Iterator[None]:
    """Convert errors caused by a file, a key or a database to a `StartError`."""
    try:
        yield
    except _EXTERNAL_ERRORS as error:
        raise StartError(str(error)) from error


def _lock_sqlite_file(settings: Settings) -> AbstractContextManager[None]:
    """Lock the SQLite file, so that only one server uses it.

    The events of one server would not reach the clients of a second server.
    """
    if settings.database_url == IN_MEMORY:
        return nullcontext()
    file = sqlite_file(parse_database_url(settings.database_url))
    return nullcontext() if file is None else sqlite_server_lock(file)


@contextmanager
def listen_errors(settings: Settings) -> Iterator[None]:
    """Convert errors of opening ``PORT`` to a `StartError`."""
    try:
        yield
    except socket.gaierror as error:
        raise StartError(
            f"The host name {settings.host} cannot be resolved ({error.strerror}); "
            "set HOST to a name or an address of this machine, such as localhost or ::1."
        ) from error
    except OSError as error:
        # Do not use asyncio's text, which would repeat the address.
        reason = os.strerror(error.errno) if error.errno else str(error)
        fix = _LISTEN_FIXES.get(error.errno or 0, "set another HOST or PORT")
        raise StartError(
            f"Cannot listen on {settings.host}, port {settings.port} ({reason}); {fix}."
        ) from error
