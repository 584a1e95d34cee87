"""What ``python -m app`` does besides running the server."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.adapters.development.issuer import DevelopmentIssuer
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.doctor.examine import Examination, examine_database
from app.config.settings import IN_MEMORY, Settings
from app.domain.credential import RevocationKind
from app.domain.errors import AuthenticationError, Unavailable
from app.domain.ids import UserId, checked_id
from app.framework import NestApplication
from app.main import StartError, create_application, read_seed, seed, start_errors
from app.modules.app_module import database_limits
from app.ports import Membership
from app.services.session_service import Revoked, SessionService


@dataclass(frozen=True, slots=True)
class Migration:
    """What `migrate_database` did.

    Attributes:
        applied: The migrations that ran, in order, each with its number and title.
        warnings: A sentence for each thing in the database that may cause trouble.
    """

    applied: Sequence[str]
    warnings: Sequence[str]


async def migrate_database(settings: Settings) -> Migration:
    """``python -m app migrate``.

    Raises:
        StartError: There is nothing to migrate, or the database is not usable.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which has no tables to migrate.")
    with start_errors():
        database = Database(settings.database_url, migrate=True, limits=database_limits(settings))
        try:
            await database.on_module_init()
        finally:
            await database.on_application_shutdown(None)
    return Migration(database.applied_migrations, (await examine(settings)).warnings)


async def examine(settings: Settings) -> Examination:
    """``python -m app doctor``.

    Raises:
        StartError: There is no database to examine, or it cannot be reached.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, so there is nothing to examine.")
    with start_errors():
        return await examine_database(settings.database_url, database_limits(settings))


async def seed_database(settings: Settings, file: Path) -> Membership:
    """``python -m app seed FILE``. Returns what the file names.

    A running server notices within seconds, and moves who is connected.

    Raises:
        StartError: The file or the database is not usable.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server would see; set SEED_FILE there.")
    membership = read_seed(file)
    async with _opened(settings) as app:
        await seed(app, membership)
    return membership


async def revoke_sessions(settings: Settings, kind: RevocationKind, text: str) -> Revoked:
    """``python -m app revoke``: running servers hear of it at once, or within seconds.

    White space around the text is dropped, and a ``Bearer`` before a token: no server takes them
    for a part of it.

    Raises:
        StartError: The text can be nothing of that kind, there is nowhere to store it, or it is not
            certain that it was stored.
    """
    with start_errors():
        needed = _settings_to_revoke(settings)
    value = text.strip()
    if kind is RevocationKind.TOKEN:
        value = re.sub(r"^bearer\s+", "", value, flags=re.IGNORECASE)
    else:
        try:
            checked_id(value)
        except ValueError:
            raise StartError(
                f"That is no {kind}'s id, so nothing was revoked; give it as tokens do."
            ) from None
    try:
        async with _opened(needed) as app:
            return await app.get(SessionService).revoke(kind, value)
    except AuthenticationError:
        raise StartError(
            "That is no session token, so nothing was revoked; "
            "give it as clients send it: three parts with dots between."
        ) from None
    except Unavailable:
        store = "the database" if settings.redis_url is None else "Redis"
        raise StartError(
            f"It is not certain that it was revoked ({store} did not answer); run it again."
        ) from None


def issue_token(settings: Settings, user_id: UserId, ttl_seconds: int) -> str:
    """``python -m app token``: a token of the development issuer, server running or not.

    For anybody: whether there is such a user is not asked.
    """
    if not settings.uses_development_issuer:
        raise StartError("Tokens come from Clerk here; there is no development issuer to ask.")
    if ttl_seconds > settings.auth_max_token_seconds:
        raise StartError(
            f"No token lasts longer than AUTH_MAX_TOKEN_SECONDS, {settings.auth_max_token_seconds} "
            "here; take a smaller --ttl."
        )
    if not user_id:
        raise StartError("The user has no name; give an id, such as user_alice.")
    with start_errors():
        return create_application(settings).get(DevelopmentIssuer).token(user_id, ttl_seconds)


def _settings_to_revoke(settings: Settings) -> Settings:
    """What opens the store of the revocations, which has to be a server's, and nothing else."""
    if settings.redis_url is not None:
        # Whatever state the database is in, it keeps nobody from being signed out.
        return settings.model_copy(update={"database_url": IN_MEMORY})
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server would see; nothing was revoked.")
    file = sqlite_file(parse_database_url(settings.database_url))
    if file is not None and not file.exists():
        raise StartError(
            f"There is no database {file}, so nothing was revoked; "
            "run this where the server runs, or set DATA_DIR or DATABASE_URL as it has them."
        )
    return settings


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[NestApplication]:
    """The application without its server, for commands."""
    app = create_application(settings)
    try:
        with start_errors():
            await app.init()
        yield app
    finally:
        await app.close()
