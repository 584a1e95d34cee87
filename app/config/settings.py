"""Every setting with its name, default, bounds and unit.

The environment variable of a setting is its field's name in capitals. The file `.env` in the
working directory is also read, but the environment takes precedence. An empty variable counts as
not set.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.config import setting_defaults
from app.config.setting_pairs import (
    check_frame,
    check_lock_timeout,
    check_packets,
    check_pings,
    check_queue,
    check_service_key,
)
from app.config.setting_types import (
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
"""The ``DATABASE_URL`` for storing everything in memory; a restart loses all data."""

MAX_WORKERS = 256
"""The largest number of server processes, so that a typing error does not start thousands."""


class Settings(BaseSettings):
    """All settings, validated.

    `load_settings` creates them. Other classes receive only the values they need.
    """

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
        "development", description="production requires Clerk, CORS_ORIGINS and DATABASE_URL"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(3002, ge=1, le=65_535, description="TCP port to listen on")
    data_dir: Path = Field(
        Path(".data"), description="folder of the SQLite file and the development key"
    )
    database_url: DatabaseUrl = Field(
        default_factory=setting_defaults.database_url,
        repr=False,
        description="sqlite:///FILE, postgresql://..., or memory: (a restart loses everything)",
    )
    database_pool_size: Annotated[int, Field(ge=2, le=1_000)] = Field(
        10, description="connections to a database server; half of them for writes"
    )
    database_pool_timeout_seconds: DatabaseSeconds = Field(
        1, description="longest wait of an operation for a connection from the pool"
    )
    database_statement_timeout_seconds: DatabaseSeconds = Field(
        2, description="longest run of a statement on a database server"
    )
    database_lock_timeout_seconds: DatabaseSeconds = Field(
        1.5, description="longest wait of a statement for a lock"
    )
    seed_file: Path | None = Field(
        None, description='JSON file {"userId": ["channelId"]}, stored at start'
    )
    redis_host: str | None = Field(
        None, description="with REDIS_PORT and REDIS_PASSWORD, an alternative to REDIS_URL"
    )
    redis_port: int = Field(6379, ge=1, le=65_535, description="TCP port of REDIS_HOST")
    redis_password: str | None = Field(None, repr=False, description="password of REDIS_HOST")
    redis_url: RedisUrl | None = Field(
        default_factory=setting_defaults.redis_url,
        repr=False,
        description="redis://..., redis+sentinel://... or redis+cluster://..., shared by nodes",
    )
    cluster_adapter: Literal["sharded", "classic"] = Field(
        "sharded",
        description="adapter of @socket.io/redis-adapter that the nodes use; sharded needs Redis 7",
    )
    redis_timeout_seconds: Annotated[float, Field(ge=0.01, le=10)] = Field(
        0.4, description="longest wait for Redis to reply to a call"
    )

    cors_origins: Origins = Field(
        default_factory=setting_defaults.local_origins,
        description="comma-separated origins that may connect, such as https://chat.example.com",
    )
    trusted_proxies: Networks = Field(
        (), description="comma-separated addresses or networks whose X-Forwarded-* headers count"
    )

    clerk_jwt_key: str | None = Field(
        None, repr=False, description="Clerk's PEM public key; overrides CLERK_JWKS_URL"
    )
    clerk_jwks_url: HttpUrl | None = Field(None, description="where Clerk publishes its keys")
    clerk_issuer: Issuer | None = Field(
        None,
        validation_alias=AliasChoices("clerk_issuer", "clerk_issuer_url"),
        description="exact iss of the tokens; CLERK_ISSUER_URL works too",
    )
    clerk_authorized_parties: Parties = Field(
        default_factory=setting_defaults.authorized_parties,
        description="comma-separated values allowed as the tokens' azp",
    )
    clerk_allow_missing_azp: bool = Field(
        default=False,
        description="whether to accept tokens without azp, requested without an Origin",
    )
    clerk_audience: OptionalNames = Field(
        (), description="comma-separated values; the tokens' aud must contain one of them"
    )
    clerk_accept_template_tokens: bool = Field(
        default=False, description="whether to accept tokens made from a JWT template"
    )
    clerk_webhook_signing_secret: WebhookSecret | None = Field(
        None,
        repr=False,
        validation_alias=AliasChoices("clerk_webhook_signing_secret", "clerk_webhook_secret"),
        description="whsec_...: turns on POST /webhooks/clerk; CLERK_WEBHOOK_SECRET works too",
    )
    service_key: Filled | None = Field(
        None,
        repr=False,
        description="secret that your backends send: turns on /sessions/revoke and /channels",
    )

    auth_failure_mode: Annotated[Literal["disconnect", "connect_error"], AnyCase] = Field(
        "disconnect", description="what a refused client receives: disconnect or connect_error"
    )
    auth_accept_bearer: bool = Field(
        default=False, description="whether to accept a 'Bearer ' prefix before the token"
    )
    auth_expiry: Annotated[Literal["enforce", "handshake"], AnyCase] = Field(
        "enforce", description="enforce, or handshake: check the expiry at connect only"
    )
    auth_expiry_grace_seconds: float = Field(
        25,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="from a token's expiry to the disconnection; in this time, events are refused",
    )
    auth_expiring_lead_seconds: float = Field(
        15,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="from the expiry warning to the expiry",
    )
    auth_max_token_seconds: Count = Field(
        604_800, description="longest life of a token after its iat; revocations are kept as long"
    )
    revocation_unavailable: Annotated[Literal["refuse", "admit"], AnyCase] = Field(
        "refuse", description="refuse or admit clients while revocations cannot be checked"
    )

    connect_timeout_seconds: LinkSeconds = Field(
        10, description="from opening a WebSocket to the end of its handshake"
    )
    ping_interval_seconds: LinkSeconds = Field(25, description="from one ping to the next")
    ping_timeout_seconds: LinkSeconds = Field(
        20, description="longest wait for the reply to a ping"
    )
    max_frame_bytes: Bytes = Field(65_536, description="largest frame a client may send")
    socket_queue_max_bytes: Bytes = Field(
        1_048_576,
        description="most bytes queued for a slow client; above it the client is disconnected",
    )
    max_sockets_per_user: Count = Field(20, description="most simultaneous connections of one user")
    max_sockets_per_address: Count = Field(
        20_000, description="most simultaneous connections of one address to this server"
    )
    max_sockets: Count = Field(50_000, description="most simultaneous connections to this server")
    max_connecting_per_address: Count = Field(
        2_000, description="most connections of one address whose handshake is not finished"
    )
    message_max_chars: Count = Field(4_000, description="most characters in a message")
    typing_expiry_seconds: Seconds = Field(
        5, description="from the last typing event to the end of typing"
    )

    rate_limit_events_per_second: Rate = Field(
        20, description="sustained rate of events per user, over all nodes"
    )
    rate_limit_burst: Count = Field(60, description="most events of a user at once, over all nodes")
    rate_limit_receipts_per_second: Rate = Field(
        100,
        description="messages per second that a user may report delivered or seen, over all nodes",
    )
    rate_limit_receipts_burst: ReceiptBurst = Field(
        500, description="most messages a user may report at once; a list counts each message"
    )
    rate_limit_connects_per_minute: Rate = Field(
        1_200, description="attempts per address; those with a valid token do not count"
    )
    rate_limit_failed_auth_per_minute: Rate = Field(
        60, description="failed authentications per address"
    )

    max_packets_per_second: Count = Field(
        default_factory=setting_defaults.max_packets_per_second,
        description="packets of one connection, pings included; above it the connection is closed",
    )

    web_concurrency: int = Field(
        1,
        ge=1,
        le=MAX_WORKERS,
        description="server processes; several need Redis and PostgreSQL",
    )
    drain_seconds: float = Field(
        10,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        description="from SIGTERM or SIGHUP to the exit; 0 closes at once",
    )

    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="lowest level that is logged"
    )
    log_format: Annotated[Literal["console", "json"], AnyCase] = Field(
        default_factory=setting_defaults.log_format,
        description="console for people, json for log collectors",
    )

    @property
    def uses_development_issuer(self) -> bool:
        """Whether this server issues its own tokens. In production, the value is always false."""
        return self.app_env == "development" and not (
            self.clerk_jwt_key
            or self.clerk_jwks_url
            or self.clerk_issuer
            or "clerk_authorized_parties" in self.model_fields_set
        )

    @property
    def is_clustered(self) -> bool:
        """Whether other servers may use the same Redis and the same PostgreSQL.

        An SQLite file or ``memory:`` belongs to one process.
        """
        return self.redis_url is not None and self.database_url.startswith("postgres")

    @property
    def base_url(self) -> str:
        """The server's URL for clients on this machine, without a trailing slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def issuer(self) -> str:
        """The required ``iss`` of tokens; the development issuer's ``iss`` is `base_url`."""
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
        check_packets(
            self.max_packets_per_second, setting_defaults.least_packets_per_second(vars(self))
        )
        if self.app_env == "production" and self.service_key is not None:
            check_service_key(self.service_key)
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
            cause = (
                "APP_ENV=production" if self.app_env == "production" else "Authentication by Clerk"
            )
            names = ", ".join(missing)
            raise ValueError(f"{cause} needs {names}: set them in the environment or in .env")
        return self
