"""Parses the query parameters of a PostgreSQL URL, as Prisma and libpq define them."""

import re
import ssl
from collections.abc import Mapping
from typing import TypeAlias
from uuid import uuid4

from sqlalchemy import URL

from app.adapters.sql.connection.url import DatabaseUrlError, port_number

ConnectArguments: TypeAlias = dict[str, object]
"""Additional arguments of asyncpg's ``connect``."""

_ENCRYPTIONS = ("disable", "allow", "prefer", "require")
_VERIFICATIONS = ("verify-ca", "verify-full")
_SWITCHES = {"true": "require", "false": "disable"}
"""The ``sslmode`` for each value of ``ssl`` that is not itself a mode."""
_OVERRIDES = {"host": "host", "user": "user", "password": "password", "dbname": "database"}
"""asyncpg's argument for each query parameter that overrides an earlier part of the URL."""
_SCHEMA = re.compile(r"\w+")


def connect_arguments(url: URL) -> ConnectArguments:
    """Return the connection arguments for the query parameters of ``url``.

    Supports ``schema``, ``sslmode`` (or ``ssl``), ``sslaccept``, ``sslrootcert`` (or ``sslcert``;
    the certificate of the authority that signed the server's certificate), ``host`` (a name or the
    folder of a socket), ``port``, ``user``, ``password``, ``dbname``, ``application_name``,
    ``options`` and ``pgbouncer``. Rejects ``sslidentity``. Ignores all other parameters, such as
    Prisma's connection counts and time limits, for which this server has its own settings.

    Raises:
        DatabaseUrlError: A parameter is invalid, or the certificate file cannot be read.
    """
    given = {name: _single(name, value) for name, value in url.query.items()}
    arguments: ConnectArguments = {"ssl": _encryption(given)}
    arguments |= {_OVERRIDES[name]: value for name, value in given.items() if name in _OVERRIDES}
    if "port" in given:
        arguments["port"] = port_number(given["port"])
    if is_pooled(url):
        # Each transaction may use another connection between the pooler and the server. So prepared
        # statements are not cached, and each has a unique name.
        arguments["statement_cache_size"] = 0
        arguments["prepared_statement_cache_size"] = 0
        arguments["prepared_statement_name_func"] = lambda: f"chatgenius_{uuid4().hex}"
    return arguments


def session_settings(url: URL) -> dict[str, str]:
    """Return the session settings for the query parameters of ``url``."""
    given = {name: _single(name, value) for name, value in url.query.items()}
    settings = {"application_name": given.get("application_name", "chatgenius-realtime")}
    if "options" in given:
        settings["options"] = given["options"]
    if "schema" in given:
        if _SCHEMA.fullmatch(given["schema"]) is None:
            raise DatabaseUrlError("DATABASE_URL's schema must be a name: letters, digits and _.")
        settings["search_path"] = f'"{given["schema"]}"'
    return settings


def is_pooled(url: URL) -> bool:
    """Return whether the URL is for a pooler, which may change the connection per transaction."""
    value = _single("pgbouncer", url.query.get("pgbouncer", "false"))
    if value not in {"true", "false"}:
        raise DatabaseUrlError("DATABASE_URL's pgbouncer must be true or false.")
    return value == "true"


def _single(name: str, value: str | tuple[str, ...]) -> str:
    if isinstance(value, str):
        return value
    raise DatabaseUrlError(f"DATABASE_URL has {name} more than once.")


def _encryption(given: Mapping[str, str]) -> str | ssl.SSLContext:
    # By default, as in Prisma, encrypt if the server supports TLS, but accept any certificate.
    encryption = given.get("ssl", "prefer")
    mode = given.get("sslmode", _SWITCHES.get(encryption, encryption))
    if mode not in _ENCRYPTIONS + _VERIFICATIONS:
        modes = ", ".join(_ENCRYPTIONS + _VERIFICATIONS)
        raise DatabaseUrlError(f"DATABASE_URL's sslmode (or ssl) must be one of {modes}.")
    acceptance = given.get("sslaccept", "accept_invalid_certs")
    if acceptance not in {"strict", "accept_invalid_certs"}:
        raise DatabaseUrlError("DATABASE_URL's sslaccept must be strict or accept_invalid_certs.")
    if "sslidentity" in given:
        raise DatabaseUrlError("DATABASE_URL's sslidentity is not supported; use a password.")
    verifies = mode in _VERIFICATIONS or (acceptance == "strict" and mode != "disable")
    if not verifies:
        return mode
    authority = given.get("sslrootcert", given.get("sslcert"))
    try:
        context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    except OSError as error:
        raise DatabaseUrlError(
            f"DATABASE_URL names a certificate that cannot be read ({error.strerror})."
        ) from None
    context.check_hostname = mode != "verify-ca"
    return context
