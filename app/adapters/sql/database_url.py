"""From the address of PROTOCOL.md's ``DATABASE_URL`` to SQLAlchemy's."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


class DatabaseUrlError(ValueError):
    """The address cannot be used. The text does not repeat it: it may hold a password."""


def parse_database_url(text: str) -> URL:
    """``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://`` or ``postgres://``.

    Raises:
        DatabaseUrlError: Anything else, SQLite without a file included.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _DRIVERS:
        raise DatabaseUrlError(
            "DATABASE_URL must start with sqlite:/// or postgresql://, or be memory:."
        ) from None
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise DatabaseUrlError("DATABASE_URL names no file; without one, use memory:.")
    return url.set(drivername=_DRIVERS[url.drivername])


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite address; None for a server's."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database)
