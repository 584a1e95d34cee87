"""Parses the setting ``DATABASE_URL``."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_PORTS = range(1, 65_536)
_NO_PORT = (
    "DATABASE_URL's port must be a number from 1 to 65535; "
    "in a password, write %40 for @, %3A for : and %2F for /."
)


class DatabaseUrlError(ValueError):
    """The database URL is invalid. The text omits the URL, which may contain a password."""


def parse_database_url(text: str) -> URL:
    """Parse ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://...``.

    Also accepts ``postgres://``, ``sqlite+aiosqlite://`` and ``postgresql+asyncpg://``.

    Raises:
        DatabaseUrlError: The scheme or port is invalid, or an SQLite URL names a host or no file.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    except ValueError:  # SQLAlchemy raises ValueError for an invalid port.
        raise DatabaseUrlError(_NO_PORT) from None
    if url is None or url.drivername not in _DRIVERS:
        raise DatabaseUrlError(
            "DATABASE_URL must start with sqlite:/// or postgresql://, or be memory:."
        )
    if url.port is not None:
        port_number(str(url.port))
    if url.get_backend_name() == "sqlite":
        if url.host or url.username or url.port:
            # SQLAlchemy parses the first folder of sqlite://data/chat.db as a host.
            raise DatabaseUrlError(
                "DATABASE_URL must have three slashes before a relative path "
                "(sqlite:///data/chat.db), and four before an absolute path."
            )
        if url.database in {None, "", ":memory:"}:
            raise DatabaseUrlError("DATABASE_URL names no file; to use none, set memory:.")
    return url.set(drivername=_DRIVERS[url.drivername])


def port_number(text: str) -> int:
    """Parse a port; raise `DatabaseUrlError` if it is invalid."""
    if not text.isdecimal() or int(text) not in _PORTS:
        raise DatabaseUrlError(_NO_PORT)
    return int(text)


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite URL; None for the URL of a server."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database)
