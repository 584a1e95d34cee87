"""From the address of PROTOCOL.md's ``DATABASE_URL`` to SQLAlchemy's."""

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
    """The address cannot be used. The text does not repeat it: it may hold a password."""


def parse_database_url(text: str) -> URL:
    """``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://`` or ``postgres://``.

    SQLAlchemy's names of the two drivers may stand in it.

    Raises:
        DatabaseUrlError: Anything else, SQLite without a file included.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    except ValueError:  # from where it reads the port
        raise DatabaseUrlError(_NO_PORT) from None
    if url is None or url.drivername not in _DRIVERS:
        raise DatabaseUrlError(
            "DATABASE_URL must start with sqlite:/// or postgresql://, or be memory:."
        )
    if url.port is not None:
        port_number(str(url.port))
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise DatabaseUrlError("DATABASE_URL names no file; without one, use memory:.")
    return url.set(drivername=_DRIVERS[url.drivername])


def port_number(text: str) -> int:
    """The port that an address names.

    Raises:
        DatabaseUrlError: It is none.
    """
    if not text.isdecimal() or int(text) not in _PORTS:
        raise DatabaseUrlError(_NO_PORT)
    return int(text)


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite address; None for a server's."""
    if url.get_backend_name() != "sqlite" or url.database is None:
        return None
    return Path(url.database)
