import ssl
from pathlib import Path

import pytest

from app.adapters.sql.connection.postgres_url import connect_arguments, is_pooled, session_settings
from app.adapters.sql.connection.url import DatabaseUrlError, parse_database_url

ADDRESS = "postgresql://chat:secret@127.0.0.1:5432/chatgenius"
PRISMAS_NUMBERS = "connection_limit=5&pool_timeout=10&connect_timeout=10&socket_timeout=5"


@pytest.mark.parametrize("query", ["", f"?{PRISMAS_NUMBERS}", "?statement_cache_size=0&other=1"])
def test_connecting_has_defaults_when_the_parameters_say_nothing_here(query: str) -> None:
    """Prisma's connection limits and unknown parameters in the URL are ignored."""
    url = parse_database_url(ADDRESS + query)

    assert {"ssl": "prefer"} == connect_arguments(url)
    assert {"application_name": "chatgenius-realtime"} == session_settings(url)
    assert not is_pooled(url)


def test_the_session_is_as_told_when_the_address_names_its_settings() -> None:
    """The URL's schema becomes the search path; libpq's parameters are passed on."""
    url = parse_database_url(f"{ADDRESS}?schema=Chat&application_name=blue&options=-c%20jit%3Doff")

    assert {
        "application_name": "blue",
        "options": "-c jit=off",
        "search_path": '"Chat"',
    } == session_settings(url)


def test_connecting_goes_to_a_socket_when_the_address_names_its_folder() -> None:
    url = parse_database_url("postgresql://chat@localhost/chatgenius?host=/run/postgresql")

    assert "/run/postgresql" == connect_arguments(url)["host"]


def test_connecting_goes_where_the_parameters_say_when_they_name_the_place() -> None:
    """As in libpq, parameters override the host, port and user in the URL."""
    query = "host=/run&port=5433&user=bob&password=other&dbname=chat"

    arguments = connect_arguments(parse_database_url(f"{ADDRESS}?{query}"))

    assert {
        "ssl": "prefer",
        "host": "/run",
        "port": 5433,
        "user": "bob",
        "password": "other",
        "database": "chat",
    } == arguments


def test_nothing_is_prepared_under_one_name_twice_when_a_pooler_stands_before_the_server() -> None:
    """Transactions may share connections of the pooler, so each statement needs a unique name."""
    arguments = connect_arguments(parse_database_url(f"{ADDRESS}?pgbouncer=true"))

    name = arguments["prepared_statement_name_func"]
    assert callable(name)
    assert name() != name()
    assert (0, 0) == (
        arguments["statement_cache_size"],
        arguments["prepared_statement_cache_size"],
    )


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_nothing_is_verified_when_the_address_does_not_ask_for_it(mode: str) -> None:
    """As in libpq and Prisma, the certificate is not verified by default."""
    arguments = connect_arguments(parse_database_url(f"{ADDRESS}?sslmode={mode}"))

    assert mode == arguments["ssl"]


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("ssl=require", "require"),
        ("ssl=true", "require"),
        ("ssl=false", "disable"),
        ("sslmode=allow&ssl=true", "allow"),
    ],
)
def test_encryption_is_as_told_when_the_address_has_another_word_for_it(
    query: str, mode: str
) -> None:
    """The parameter ``ssl`` may be a mode, as in asyncpg, or true or false."""
    arguments = connect_arguments(parse_database_url(f"{ADDRESS}?{query}"))

    assert mode == arguments["ssl"]


@pytest.mark.parametrize(
    ("query", "checks_host"),
    [
        ("sslmode=verify-ca", False),
        ("sslmode=verify-full", True),
        ("sslmode=verify-full&sslrootcert=system", True),
        ("sslmode=require&sslaccept=strict", True),
        ("sslaccept=strict", True),
    ],
)
def test_the_server_is_verified_when_the_address_asks_for_it(
    query: str, *, checks_host: bool
) -> None:
    """Both libpq's and Prisma's parameters can require a verified certificate."""
    context = connect_arguments(parse_database_url(f"{ADDRESS}?{query}"))["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (ssl.CERT_REQUIRED, checks_host) == (context.verify_mode, context.check_hostname)


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=always",
        "ssl=always",
        "port=99999",
        "sslaccept=maybe",
        "sslidentity=client.p12",
        "sslmode=verify-full&sslrootcert=missing.pem",
        "sslmode=verify-full&sslcert=missing.pem",
        "sslmode=require&sslmode=disable",
        "pgbouncer=1",
    ],
)
def test_connecting_is_refused_when_a_parameter_means_nothing(query: str) -> None:
    """The error names the parameter, and does not repeat its value."""
    url = parse_database_url(f"{ADDRESS}?{query}")

    with pytest.raises(DatabaseUrlError) as caught:
        connect_arguments(url)

    assert str(caught.value).startswith("DATABASE_URL")
    assert not any(word in str(caught.value) for word in ("secret", "always", "maybe", "missing"))


@pytest.mark.parametrize("schema", ["a%20b", "%22;drop"])
def test_a_schema_is_refused_when_it_is_no_name(schema: str) -> None:
    """The schema's name becomes part of a setting, so it must not contain quotes."""
    url = parse_database_url(f"{ADDRESS}?schema={schema}")

    with pytest.raises(DatabaseUrlError, match="schema must be a name"):
        session_settings(url)


def test_a_certificate_is_refused_when_it_is_none(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text("no certificate", encoding="ascii")
    url = parse_database_url(f"{ADDRESS}?sslmode=verify-full&sslrootcert={file}")

    with pytest.raises(DatabaseUrlError, match="certificate that cannot be read"):
        connect_arguments(url)
