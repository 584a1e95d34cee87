from pathlib import Path

import pytest

from app.adapters.sql.connection.url import DatabaseUrlError, parse_database_url, sqlite_file


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:///relative.db", Path("relative.db")),
        ("sqlite:///folder/relative.db", Path("folder/relative.db")),
        ("sqlite:////folder/absolute.db", Path("/folder/absolute.db")),
        ("sqlite+aiosqlite:///relative.db", Path("relative.db")),
    ],
)
def test_parse_gives_the_file_when_the_address_is_sqlites(text: str, file: Path) -> None:
    """Three slashes begin a relative path, four slashes an absolute one."""
    url = parse_database_url(text)

    assert ("sqlite+aiosqlite", file) == (url.drivername, sqlite_file(url))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_parse_gives_asyncpg_when_the_address_is_postgresqls(scheme: str) -> None:
    """The URL of a PostgreSQL server has no file."""
    url = parse_database_url(f"{scheme}://chat:secret@127.0.0.1:5432/chatgenius")

    assert "postgresql+asyncpg" == url.drivername
    assert ("127.0.0.1", 5432, "chatgenius") == (url.host, url.port, url.database)
    assert sqlite_file(url) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chat.db",
        "mysql://chat:secret@127.0.0.1/db",
        "postgresql+psycopg://chat:secret@127.0.0.1/db",
        '"sqlite:///chat.db',
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+aiosqlite:///:memory:",
    ],
)
def test_parse_refuses_when_the_address_cannot_be_used(text: str) -> None:
    """The error does not repeat the URL, which may contain a password."""
    with pytest.raises(DatabaseUrlError) as caught:
        parse_database_url(text)

    assert "DATABASE_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("port", ["", "0", "99999", "chat", "5432x", "secret@127.0.0.1"])
def test_parse_speaks_of_the_port_when_it_is_none(port: str) -> None:
    """A special character in the password can make the port invalid."""
    with pytest.raises(DatabaseUrlError, match=r"port must be a number from 1 to 65535") as caught:
        parse_database_url(f"postgresql://chat:secret@127.0.0.1:{port}/chatgenius")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://data/chat.db",
        "sqlite://chat.db",
        "sqlite+aiosqlite://data/chat.db",
        "sqlite://user:secret@/chat.db",
        "sqlite://:5432/chat.db",
    ],
)
def test_parse_speaks_of_the_slashes_when_an_sqlite_url_has_a_host(text: str) -> None:
    """SQLAlchemy would read the first folder, or a whole relative path, as a host."""
    with pytest.raises(DatabaseUrlError, match="three slashes before a relative path") as caught:
        parse_database_url(text)

    assert "secret" not in str(caught.value)
