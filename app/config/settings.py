"""The whole configuration: every setting's name, default, bounds and unit. Read once, in `main`.

An environment variable bears the name of its field in capitals. `.env` in the working directory
is read too; the environment wins, and an empty variable counts as not set.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config.setting_pairs import check_frame, check_lock_timeout, check_pings, check_queue
from app.config.setting_types import (
    ORIGINS_WITHOUT_PARTY,
    AnyCase,
    Bytes,
    Count,
    DatabaseSeconds,
    DatabaseUrl,
    Filled,
    HttpUrl,
    Issuer,
    LinkSeconds,
    Networks,
    OptionalNames,
    Origins,
    Parties,
    Rate,
    ReceiptBurst,
    RedisUrl,
    Seconds,
    WebhookSecret,
)

IN_MEMORY = "memory:"
"""The ``DATABASE_URL`` that keeps nothing."""

_SECRET_CHARS = 16

_MISSPELT = 0.85
"""Similarity, from 0 to 1, above which an unknown name is taken for a misspelt setting."""

_OF_OTHERS = frozenset({"WEB_CONCURRENCY", "CLERK_SECRET_KEY", "DIRECT_URL", "JWT_SECRET"})
"""Names that this server does not read but deployments of ChatGenius have."""

# How pydantic begins its messages, and how they go on after a setting's name.
_OPENINGS = {"Value error, ": "", "Input should": "must", "Value should": "must", "value ": ""}
_PYDANTIC_OPENING = re.compile("|".join(f"^{opening}" for opening in _OPENINGS))


# The defaults that follow from other settings. Each gets what was validated before its own field.


def _sqlite_in_data_dir(settings: dict[str, Path]) -> str:
    return f"sqlite:///{quote(str(settings['data_dir'] / 'chat.db'))}"


def _local_origins(settings: dict[str, int]) -> tuple[str, ...]:
    ports = dict.fromkeys((3000, settings["port"]))
    return tuple(f"http://{host}:{port}" for port in ports for host in ("localhost", "127.0.0.1"))


def _parties(settings: dict[str, Any]) -> tuple[str, ...]:
    origins: tuple[str, ...] = settings["cors_origins"]
    parties = tuple(each for each in origins if each not in ORIGINS_WITHOUT_PARTY)
    return parties or _local_origins(settings)


def _redis_url(settings: dict[str, str | int | None]) -> str | None:
    """What the running ChatGenius says in three variables, in one."""
    host, port, password = (settings[f"redis_{part}"] for part in ("host", "port", "password"))
    if host is None and password is None:
        return None
    user = "" if password is None else f":{quote(str(password), safe='')}@"
    address = f"[{host}]" if ":" in str(host) else host or "localhost"
    return f"redis://{user}{address}:{port}"


def _packets_per_second(settings: dict[str, float]) -> int:
    """Far more than the events that are allowed, so that no honest client comes near."""
    events = settings["rate_limit_events_per_second"] + settings["rate_limit_burst"]
    return max(1_000, 10 * ceil(events), _least_packets_per_second(settings))


def _least_packets_per_second(settings: Mapping[str, float]) -> int:
    """The packets of a client that uses up its limits for events and for receipts at once."""
    limits = ("events_per_second", "burst", "receipts_per_second", "receipts_burst")
    return ceil(sum(settings[f"rate_limit_{name}"] for name in limits))


def _log_format(settings: dict[str, str]) -> Literal["console", "json"]:
    return "json" if settings["app_env"] == "production" else "console"


class Settings(BaseSettings):
    """Every setting, checked. Made by `load_settings`; classes receive the values they need."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        str_strip_whitespace=True,
    )

    app_env: Annotated[Literal["development", "production"], AnyCase] = Field(
        "development", description="production demands Clerk, CORS_ORIGINS and DATABASE_URL"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(3002, ge=1, le=65_535, description="TCP port to listen on")
    data_dir: Path = Field(Path(".data"), description="folder for what is kept between starts")
    database_url: DatabaseUrl = Field(
        default_factory=_sqlite_in_data_dir,
        repr=False,
        description="sqlite:///FILE, postgresql://..., or memory: (nothing is kept)",
    )
    database_pool_size: Annotated[int, Field(ge=2, le=1_000)] = Field(
        10, description="connections to a database server; half of them write"
    )
    database_pool_timeout_seconds: DatabaseSeconds = Field(
        1, description="until an operation gets a connection of its own"
    )
    database_statement_timeout_seconds: DatabaseSeconds = Field(
        2, description="until a database server gives up a statement"
    )
    database_lock_timeout_seconds: DatabaseSeconds = Field(
        1.5, description="until a statement gets a lock that somebody else has"
    )
    seed_file: Path | None = Field(
        None, description='JSON file {"userId": ["channelId"]}, loaded at start'
    )
    redis_host: str | None = Field(None, description="with the next two another way to REDIS_URL")
    redis_port: int = Field(6379, ge=1, le=65_535, description="TCP port of REDIS_HOST")
    redis_password: str | None = Field(None, repr=False, description="of REDIS_HOST")
    redis_url: RedisUrl | None = Field(
        default_factory=_redis_url,
        repr=False,
        description="redis://..., rediss://...: revocations and limits shared by all nodes",
    )
    redis_timeout_seconds: Annotated[float, Field(ge=0.01, le=10)] = Field(
        0.4, description="until a call to Redis is given up"
    )

    cors_origins: Origins = Field(
        default_factory=_local_origins,
        description="comma-separated origins that may connect, such as https://chat.example.com",
    )
    trusted_proxies: Networks = Field(
        (), description="comma-separated addresses or networks whose X-Forwarded-* headers count"
    )

    clerk_jwt_key: str | None = Field(
        None, repr=False, description="Clerk's PEM public key; used before CLERK_JWKS_URL"
    )
    clerk_jwks_url: HttpUrl | None = Field(None, description="where Clerk publishes its keys")
    clerk_issuer: Issuer | None = Field(
        None,
        validation_alias=AliasChoices("clerk_issuer", "clerk_issuer_url"),
        description="the tokens' iss, exactly; CLERK_ISSUER_URL is understood too",
    )
    clerk_authorized_parties: Parties = Field(
        default_factory=_parties, description="comma-separated values the tokens' azp may have"
    )
    clerk_allow_missing_azp: bool = Field(
        default=False, description="whether tokens without azp (no Origin) are accepted"
    )
    clerk_audience: OptionalNames = Field(
        (), description="comma-separated values of which the tokens' aud must have one"
    )
    clerk_accept_template_tokens: bool = Field(
        default=False, description="whether tokens made from a JWT template are session tokens"
    )
    clerk_webhook_signing_secret: WebhookSecret | None = Field(
        None,
        repr=False,
        validation_alias=AliasChoices("clerk_webhook_signing_secret", "clerk_webhook_secret"),
        description="whsec_...: turns on POST /webhooks/clerk; CLERK_WEBHOOK_SECRET too",
    )
    service_key: Filled | None = Field(
        None,
        repr=False,
        description="secret of your backends: turns on /sessions/revoke and /channels",
    )

    auth_failure_mode: Annotated[Literal["disconnect", "connect_error"], AnyCase] = Field(
        "disconnect", description="how a refused client is told"
    )
    auth_accept_bearer: bool = Field(
        default=False, description="whether a 'Bearer ' prefix of the token is tolerated"
    )
    auth_expiry: Annotated[Literal["enforce", "handshake"], AnyCase] = Field(
        "enforce", description="handshake: expiry matters at connect only"
    )
    auth_expiry_grace_seconds: float = Field(
        25, ge=0, le=86_400, allow_inf_nan=False, description="from refusing events to disconnect"
    )
    auth_expiring_lead_seconds: float = Field(
        15, ge=0, le=86_400, allow_inf_nan=False, description="from the warning to the expiry"
    )
    auth_max_token_seconds: Count = Field(
        604_800, description="a token ends so long after its iat; so long revocations are kept"
    )
    revocation_unavailable: Annotated[Literal["refuse", "admit"], AnyCase] = Field(
        "refuse", description="who may connect while revocations cannot be checked"
    )

    connect_timeout_seconds: LinkSeconds = Field(
        10, description="until a client must have connected"
    )
    ping_interval_seconds: LinkSeconds = Field(25, description="between two pings")
    ping_timeout_seconds: LinkSeconds = Field(20, description="until a ping must be answered")
    max_frame_bytes: Bytes = Field(65_536, description="largest frame a client may send")
    socket_queue_max_bytes: Bytes = Field(
        1_048_576, description="what may wait for one slow client before it is cut off"
    )
    max_sockets_per_user: Count = Field(20, description="connections of one user at once")
    max_connecting_per_address: Count = Field(
        2_000, description="connections of one address that are not admitted yet"
    )
    message_max_chars: Count = Field(4_000, description="longest message")
    typing_expiry_seconds: Seconds = Field(5, description="from the last typing to its end")

    rate_limit_events_per_second: Rate = Field(20, description="sustained, per user")
    rate_limit_burst: Count = Field(60, description="events a user may send at once")
    rate_limit_receipts_per_second: Rate = Field(
        100, description="messages a user may report delivered or seen, sustained"
    )
    rate_limit_receipts_burst: ReceiptBurst = Field(
        500, description="messages a user may report at once; a list costs one each"
    )
    rate_limit_connects_per_minute: Rate = Field(
        1_200, description="per address; connects with a good token do not count"
    )
    rate_limit_failed_auth_per_minute: Rate = Field(60, description="per address")

    max_packets_per_second: Count = Field(
        default_factory=_packets_per_second,
        description="of one connection, pings included; above it the connection is closed",
    )

    drain_seconds: float = Field(
        10, ge=0, le=3_600, allow_inf_nan=False, description="from SIGTERM or SIGHUP to the exit"
    )

    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="what is logged"
    )
    log_format: Annotated[Literal["console", "json"], AnyCase] = Field(
        default_factory=_log_format, description="console for people, json for machines"
    )

    @property
    def uses_development_issuer(self) -> bool:
        """Whether tokens come from our own issuer. Never in production."""
        return self.app_env == "development" and not (
            self.clerk_jwt_key
            or self.clerk_jwks_url
            or self.clerk_issuer
            or "clerk_authorized_parties" in self.model_fields_set
        )

    @property
    def base_url(self) -> str:
        """Where this machine reaches the server, without a trailing slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def issuer(self) -> str:
        """The ``iss`` every token must have: Clerk's, else the development issuer's."""
        return self.clerk_issuer or self.base_url

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        check_queue(self.socket_queue_max_bytes, self.max_frame_bytes)
        check_frame(self.max_frame_bytes, self.message_max_chars)
        check_pings(
            self.ping_interval_seconds, self.ping_timeout_seconds, self.connect_timeout_seconds
        )
        if self.database_url.startswith("postgres"):
            check_lock_timeout(
                self.database_lock_timeout_seconds, self.database_statement_timeout_seconds
            )
        return self

    @model_validator(mode="after")
    def _check_packets(self) -> Self:
        least = _least_packets_per_second(vars(self))
        if self.max_packets_per_second < least:
            raise ValueError(
                f"MAX_PACKETS_PER_SECOND must be at least {least}, the sum of the limits for "
                "events and receipts: a client that keeps these would be closed"
            )
        return self

    @model_validator(mode="after")
    def _check_service_key(self) -> Self:
        is_short = self.service_key is not None and len(self.service_key) < _SECRET_CHARS
        if self.app_env == "production" and is_short:
            raise ValueError(
                f"SERVICE_KEY must have {_SECRET_CHARS} characters or more in production: "
                "whoever guesses it can sign everybody out, and delete every channel"
            )
        return self

    @model_validator(mode="after")
    def _check_identity(self) -> Self:
        if self.uses_development_issuer:
            return self
        missing = []
        if not (self.clerk_jwt_key or self.clerk_jwks_url):
            missing.append("CLERK_JWT_KEY or CLERK_JWKS_URL")
        if not self.clerk_issuer:
            missing.append("CLERK_ISSUER")
        if self.app_env == "production":
            needed = ("clerk_authorized_parties", "cors_origins", "database_url")
            missing += [name.upper() for name in needed if name not in self.model_fields_set]
        if missing:
            cause = "APP_ENV=production" if self.app_env == "production" else "Signing in by Clerk"
            names = ", ".join(missing)
            raise ValueError(f"{cause} needs {names}: set them in the environment or in .env")
        return self


class SettingsError(Exception):
    """The settings cannot be used. One line each: which, what is wrong, what it should be."""


def load_settings() -> Settings:
    """Read and check the environment and `.env`.

    Raises:
        SettingsError: Naming every setting that is wrong or misspelt, and quoting no value.
    """
    try:
        return Settings()
    except ValidationError as error:
        # `from None`: the original holds the values.
        details = error.errors(include_url=False, include_input=False)
        raise SettingsError("\n".join([*_sentences(details), *misspelt_settings()])) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f".env cannot be read ({type(error).__name__}): mend the file or remove it."
        ) from None


def misspelt_settings() -> list[str]:
    """Return a sentence for each name in ``.env`` or the environment that is nearly a setting's."""
    fields = Settings.model_fields.items()
    aliases = (field.validation_alias for _, field in fields)
    known = {name.upper() for name, _ in fields} | {
        str(choice).upper()
        for alias in aliases
        if isinstance(alias, AliasChoices)
        for choice in alias.choices
    }
    named = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    unknown = sorted(named - known - _OF_OTHERS)
    nearest = {name: get_close_matches(name, known, n=1, cutoff=_MISSPELT) for name in unknown}
    return [
        f"{name} is not a setting; did you mean {found[0]}?"
        for name, found in nearest.items()
        if found
    ]


def _sentences(details: list[ErrorDetails]) -> list[str]:
    return [
        _sentence(detail)
        for detail in details
        # A default that follows from a setting which is reported already.
        if detail["type"] != "default_factory_not_called"
    ]


def _sentence(detail: ErrorDetails) -> str:
    text = _PYDANTIC_OPENING.sub(lambda opening: _OPENINGS[opening[0]], detail["msg"])
    if not detail["loc"]:
        return f"{text}."
    name, *entry = (str(part) for part in detail["loc"])
    which = f"{name.upper()}, entry {int(entry[0]) + 1}," if entry else name.upper()
    return f"{which} {text} ({Settings.model_fields[name].description})."
