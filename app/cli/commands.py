"""The commands of ``python -m app`` other than ``run``."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.adapters.development.issuer import DevelopmentIssuer
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.sql.doctor.examine import Examination, examine_database
from app.adapters.sql.doctor.message_repairs import repair_messages
from app.config.settings import IN_MEMORY, Settings
from app.domain.credential import RevocationKind
from app.domain.errors import AuthenticationError, Unavailable
from app.domain.ids import UserId, checked_id
from app.framework import NestApplication
from app.main import StartError, create_application, read_seed, seed, start_errors
from app.modules.app_module import database_limits
from app.ports import Membership
from app.services.session_service import Revoked, SessionService

_REDIS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Migration:
    """The result of ``migrate``.

    Attributes:
        applied: The migrations that ran.
        changes: A sentence for each completed repair, and for each completed phase of converting
            old rows.
        warnings: A sentence for each possible problem in the database.
    """

    applied: Sequence[str]
    changes: Sequence[str]
    warnings: Sequence[str]


async def migrate_database(settings: Settings) -> Migration:
    """Run ``python -m app migrate``; raise `StartError` if that is not possible."""
    if settings.database_url == IN_MEMORY:
        raise StartError(
            "DATABASE_URL is memory:, which has no tables to migrate; set it to a database."
        )
    with start_errors():
        database = Database(settings.database_url, migrate=True, limits=database_limits(settings))
        try:
            await database.on_module_init()
        finally:
            await database.on_application_shutdown(None)
    examination = await examine(settings)
    changes = database.changes
    if not examination.differences:
        with start_errors():
            repairs = await repair_messages(
                settings.database_url, database_limits(settings), datetime.now(UTC)
            )
        if repairs:
            examination = await examine(settings)
            changes += repairs
    return Migration(database.applied_migrations, changes, examination.warnings)


async def examine(settings: Settings) -> Examination:
    """Run ``python -m app doctor``; raise `StartError` if there is no database to examine."""
    if settings.database_url == IN_MEMORY:
        raise StartError(
            "DATABASE_URL is memory:, so there is nothing to examine; set it to a database."
        )
    with start_errors():
        return await examine_database(settings.database_url, database_limits(settings))


async def seed_database(settings: Settings, file: Path) -> Membership:
    """Run ``python -m app seed FILE``, and return the content of the file.

    A running server adds connected users to the rooms of their new channels within seconds.

    Raises:
        StartError: The file or the database cannot be used.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server shares; set SEED_FILE instead.")
    membership = read_seed(file)
    async with _opened(settings) as app:
        await seed(app, membership)
    return membership


async def revoke_sessions(settings: Settings, kind: RevocationKind, text: str) -> Revoked:
    """Run ``python -m app revoke``. Running servers apply the revocation within seconds.

    Removes white space around the text, and ``Bearer`` before a token.

    Raises:
        StartError: The text is not valid for this kind, the storage is in memory (which no
            server shares), or the result could not be confirmed.
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
                f"This is not a {kind}'s id, so nothing was revoked; use the id in a token."
            ) from None
    try:
        async with _opened(needed) as app:
            return await app.get(SessionService).revoke(kind, value)
    except AuthenticationError:
        raise StartError(
            "This is not a session token, so nothing was revoked; "
            "give it as clients send it: three parts separated by dots."
        ) from None
    except Unavailable:
        store = "the database" if settings.redis_url is None else "Redis"
        raise StartError(
            f"The revocation could not be confirmed ({store} did not answer); run this again."
        ) from None


def issue_token(settings: Settings, user_id: UserId, ttl_seconds: int) -> str:
    """Run ``python -m app token``: return a token of the development issuer for any user id.

    The server need not run, and the user need not exist.
    """
    if not settings.uses_development_issuer:
        raise StartError(
            "There is no development issuer with these settings; get a token from Clerk."
        )
    if ttl_seconds > settings.auth_max_token_seconds:
        raise StartError(
            f"--ttl {ttl_seconds} is longer than AUTH_MAX_TOKEN_SECONDS, "
            f"{settings.auth_max_token_seconds} here; use a smaller one."
        )
    if not user_id:
        raise StartError("The user id is empty; give one such as user_alice.")
    with start_errors():
        return create_application(settings).get(DevelopmentIssuer).token(user_id, ttl_seconds)


def _settings_to_revoke(settings: Settings) -> Settings:
    if settings.redis_url is not None:
        # Redis stores the revocations, so this command must work without the database.
        # No client waits for this command, so Redis has more time to answer than in a server.
        patience = max(settings.redis_timeout_seconds, _REDIS_SECONDS)
        return settings.model_copy(
            update={"database_url": IN_MEMORY, "redis_timeout_seconds": patience}
        )
    if settings.database_url == IN_MEMORY:
        raise StartError(
            "DATABASE_URL is memory:, which no server shares, so nothing was revoked; "
            "run this with the server's settings."
        )
    file = sqlite_file(parse_database_url(settings.database_url))
    if file is not None and not file.exists():
        raise StartError(
            f"There is no database {file}, so nothing was revoked; "
            "run this where the server runs, or with the server's DATA_DIR or DATABASE_URL."
        )
    return settings


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[NestApplication]:
    app = create_application(settings)
    try:
        with start_errors():
            await app.init()
        yield app
    finally:
        await app.close()
