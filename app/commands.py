"""What ``python -m app`` does besides running the server."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.adapters.clerk.claimed_expiry import claimed_expiry
from app.adapters.development.development_issuer import DevelopmentIssuer
from app.adapters.sql.database import Database
from app.adapters.system.system_clock import SystemClock
from app.config import IN_MEMORY, Settings
from app.domain.credential import token_digest
from app.domain.errors import AuthenticationError
from app.domain.ids import UserId
from app.framework import NestApplication
from app.main import StartError, create_application, read_seed, start_errors
from app.ports import Membership
from app.services.channel_service import ChannelService
from app.services.revocation_term import revocation_seconds
from app.services.token_blacklist_service import TokenBlacklistService


async def migrate_database(settings: Settings) -> None:
    """``python -m app migrate``."""
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which has no tables to migrate.")
    with start_errors():
        database = Database(settings.database_url, migrate=True)
        try:
            await database.on_module_init()
        finally:
            await database.on_application_shutdown(None)


async def seed_database(settings: Settings, file: Path) -> Membership:
    """``python -m app seed FILE``. Returns what the file names.

    Who is connected to a running server gets the rooms of new channels by connecting again.

    Raises:
        StartError: The file or the database is not usable.
    """
    if settings.database_url == IN_MEMORY:
        raise StartError("DATABASE_URL is memory:, which no server would see; set SEED_FILE there.")
    membership = read_seed(file)
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
    ttl_seconds = revocation_seconds(expires_at, now.timestamp())
    async with _opened(settings) as app:
        await app.get(TokenBlacklistService).blacklist_token(token, ttl_seconds)
    return Revocation(token_digest(token), now + timedelta(seconds=ttl_seconds))


def issue_token(settings: Settings, user_id: UserId, ttl_seconds: int) -> str:
    """``python -m app token``: a token of the development issuer, server running or not.

    For anybody: whether there is such a user is not asked.
    """
    if not settings.uses_development_issuer:
        raise StartError("Tokens come from Clerk here; there is no development issuer to ask.")
    if not user_id:
        raise StartError("The user has no name; give an id, such as user_alice.")
    with start_errors():
        return create_application(settings).get(DevelopmentIssuer).token(user_id, ttl_seconds)


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
