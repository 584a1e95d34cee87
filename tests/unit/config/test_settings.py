import json
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.config.settings import Settings, SettingsError, load_settings, misspelt_settings
from app.domain.delivery import MAX_RECEIPTS
from app.domain.ids import MAX_ID_CHARS

PRODUCTION = {
    "APP_ENV": "production",
    "CLERK_JWT_KEY": "a public key",
    "CLERK_ISSUER": "https://clerk.example.com",
    "CLERK_AUTHORIZED_PARTIES": "https://chat.example.com",
    "CORS_ORIGINS": "https://chat.example.com",
    "DATABASE_URL": "postgresql://chat:hunter2@db/chat",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor a developer's `.env` reach a test."""
    for name in [*Settings.model_fields, "clerk_issuer_url"]:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    """The settings of a process with this environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> str:
    """What is said of an environment that cannot be used."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, environment)
    return str(caught.value)


def test_settings_run_locally_when_nothing_is_set() -> None:
    """Without any configuration there is a database file, a local origin and an issuer."""
    settings = load_settings()

    assert "sqlite:///.data/chat.db" == settings.database_url
    assert (
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://localhost:3002",
        "http://127.0.0.1:3002",
    ) == settings.cors_origins
    assert settings.cors_origins == settings.clerk_authorized_parties
    assert "console" == settings.log_format
    assert settings.uses_development_issuer
    assert "http://127.0.0.1:3002" == settings.issuer


def test_settings_follow_port_and_data_dir_when_those_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dependent defaults take up what they depend on, and name no origin twice."""
    settings = load(monkeypatch, {"PORT": "3000", "DATA_DIR": "/srv/chat"})

    assert "sqlite:////srv/chat/chat.db" == settings.database_url
    assert ("http://localhost:3000", "http://127.0.0.1:3000") == settings.cors_origins


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("127.0.0.1", "http://127.0.0.1:3002"),
        ("0.0.0.0", "http://127.0.0.1:3002"),  # noqa: S104 - nothing is bound
        ("::", "http://[::1]:3002"),
        ("192.0.2.7", "http://192.0.2.7:3002"),
    ],
)
def test_base_url_is_reachable_when_host_is(
    monkeypatch: pytest.MonkeyPatch, host: str, base_url: str
) -> None:
    """An address that means every interface is reached by loopback."""
    settings = load(monkeypatch, {"HOST": host})

    assert base_url == settings.base_url


def test_settings_read_lists_when_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and empty entries are dropped; origins become what browsers send."""
    settings = load(
        monkeypatch,
        {
            "CORS_ORIGINS": "https://Chat.example.com:443, http://localhost:80,, http://[::1]:8080",
            "TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
        },
    )

    assert (
        "https://chat.example.com",
        "http://localhost",
        "http://[::1]:8080",
    ) == settings.cors_origins
    assert (ip_network("10.0.0.0/8"), ip_network("192.0.2.1")) == settings.trusted_proxies


def test_settings_prefer_the_environment_when_dotenv_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.env` is read, unknown lines in it are passed over, and the environment wins."""
    (tmp_path / ".env").write_text("PORT=4000\nLOG_LEVEL=DEBUG\nSOMETHING_ELSE=1\n")

    settings = load(monkeypatch, {"PORT": "5000", "HOST": ""})

    assert 5000 == settings.port
    assert "debug" == settings.log_level
    assert "127.0.0.1" == settings.host


def test_settings_accept_production_when_everything_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A complete production environment loads, logs JSON and has no development issuer."""
    settings = load(monkeypatch, PRODUCTION)

    assert not settings.uses_development_issuer
    assert "https://clerk.example.com" == settings.issuer
    assert "json" == settings.log_format


def test_settings_accept_clerk_when_a_developer_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and issuer are enough outside production; the parties are the local origins."""
    jwks_url = "https://clerk.example.com/.well-known/jwks.json"

    settings = load(
        monkeypatch, {"CLERK_JWKS_URL": jwks_url, "CLERK_ISSUER": "https://clerk.example.com"}
    )

    assert jwks_url == settings.clerk_jwks_url
    assert settings.cors_origins == settings.clerk_authorized_parties
    assert not settings.uses_development_issuer


def test_settings_understand_the_other_name_when_the_issuer_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CLERK_ISSUER_URL, the frontend's name, sets the issuer too."""
    environment = {**PRODUCTION, "CLERK_ISSUER": "", "CLERK_ISSUER_URL": "https://other.example"}

    settings = load(monkeypatch, environment)

    assert "https://other.example" == settings.issuer


def test_settings_name_everything_missing_when_production_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sentence names each setting that production needs."""
    text = refusal(monkeypatch, {"APP_ENV": "production"})

    expected = (
        "APP_ENV=production needs CLERK_JWT_KEY or CLERK_JWKS_URL, CLERK_ISSUER, "
        "CLERK_AUTHORIZED_PARTIES, CORS_ORIGINS, DATABASE_URL: "
        "set them in the environment or in .env."
    )
    assert expected == text


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("CLERK_JWT_KEY", "CLERK_JWT_KEY or CLERK_JWKS_URL"),
        ("CLERK_ISSUER", "CLERK_ISSUER"),
        ("CLERK_AUTHORIZED_PARTIES", "CLERK_AUTHORIZED_PARTIES"),
        ("CORS_ORIGINS", "CORS_ORIGINS"),
        ("DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_settings_name_the_missing_one_when_production_is_partial(
    monkeypatch: pytest.MonkeyPatch, missing: str, named: str
) -> None:
    """Production never starts on a default where a real value is needed."""
    text = refusal(monkeypatch, {**PRODUCTION, missing: ""})

    assert text.startswith(f"APP_ENV=production needs {named}: ")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"CLERK_JWT_KEY": "a key"}, "CLERK_ISSUER"),
        ({"CLERK_ISSUER": "https://clerk.example.com"}, "CLERK_JWT_KEY or CLERK_JWKS_URL"),
        (
            {"CLERK_AUTHORIZED_PARTIES": "https://chat.example.com"},
            "CLERK_JWT_KEY or CLERK_JWKS_URL, CLERK_ISSUER",
        ),
    ],
)
def test_settings_name_the_missing_ones_when_clerk_is_half_configured(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    """A developer who set up half of Clerk is not silently given the development issuer."""
    text = refusal(monkeypatch, environment)

    assert f"Signing in by Clerk needs {named}: set them in the environment or in .env." == text


def test_settings_name_each_one_when_several_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bad setting has its own line, and a default that depends on one has none."""
    text = refusal(monkeypatch, {"AUTH_EXPIRY": "never", "MAX_FRAME_BYTES": "0", "PORT": "0"})

    assert [
        "PORT must be greater than or equal to 1 (TCP port to listen on).",
        "AUTH_EXPIRY must be 'enforce' or 'handshake' (handshake: expiry matters at connect only).",
        "MAX_FRAME_BYTES must be greater than or equal to 1024 (largest frame a client may send).",
    ] == text.splitlines()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "0"),
        ("PING_TIMEOUT_SECONDS", "inf"),
        ("PING_TIMEOUT_SECONDS", "nan"),
        ("PING_TIMEOUT_SECONDS", "0.04"),
        ("PING_INTERVAL_SECONDS", "0.04"),
        ("CONNECT_TIMEOUT_SECONDS", "0.04"),
        ("MAX_FRAME_BYTES", "1023"),
        ("SOCKET_QUEUE_MAX_BYTES", "1023"),
        ("AUTH_EXPIRING_LEAD_SECONDS", "86401"),
        ("AUTH_EXPIRY_GRACE_SECONDS", "-1"),
        ("RATE_LIMIT_EVENTS_PER_SECOND", "0"),
        ("RATE_LIMIT_BURST", "1.5"),
        ("RATE_LIMIT_RECEIPTS_BURST", str(MAX_RECEIPTS - 1)),
        ("MAX_SOCKETS_PER_USER", "-20"),
        ("AUTH_ACCEPT_BEARER", "perhaps"),
        ("APP_ENV", "prod"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("CORS_ORIGINS", "https://chat.example.com/path"),
        ("CORS_ORIGINS", "https://chat.example.com//"),
        ("CORS_ORIGINS", "wss://chat.example.com"),
        ("CORS_ORIGINS", "https://münchen.example"),
        ("CORS_ORIGINS", "https://chat.example.com:65536"),
        ("CORS_ORIGINS", "https://chat.example.com:0"),
        ("CORS_ORIGINS", "http://[::1::]"),
        ("CORS_ORIGINS", "file://localhost"),
        ("CORS_ORIGINS", '"https://chat.example.com"'),
        ("CLERK_AUTHORIZED_PARTIES", "chat.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://*.example.com"),
        ("CLERK_AUTHORIZED_PARTIES", "https://chat.example.com/path"),
        ("CLERK_AUTHORIZED_PARTIES", "null"),
        ("CLERK_AUTHORIZED_PARTIES", "file://"),
        ("CLERK_ISSUER", "https://clerk.example.com/"),
        ("CLERK_ISSUER", "clerk.example.com"),
        ("CORS_ORIGINS", "chat.example.com"),
        ("CORS_ORIGINS", "https://somebody@chat.example.com"),
        ("CORS_ORIGINS", ","),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CLERK_JWKS_URL", "file:///etc/passwd"),
        ("CLERK_JWKS_URL", "https://somebody:secret@clerk.example.com/jwks"),
        ("CLERK_JWKS_URL", "http://[::1"),
        ("DATABASE_URL", "mysql://db/chat"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", '"sqlite:///chat.db'),
        ("DATABASE_URL", "postgresql+psycopg://db/chat"),
        ("DATABASE_POOL_SIZE", "1"),
        ("DATABASE_POOL_TIMEOUT_SECONDS", "2.6"),
        ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "0"),
        ("DATABASE_LOCK_TIMEOUT_SECONDS", "nan"),
        ("SERVICE_KEY", " "),
    ],
)
def test_settings_refuse_a_value_when_it_is_out_of_bounds(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The refusal begins with the setting's name and is one line."""
    text = refusal(monkeypatch, {name: value})

    assert text.startswith(name)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 1_000),
        ({"RATE_LIMIT_EVENTS_PER_SECOND": "500"}, 5_600),
        ({"RATE_LIMIT_BURST": "5000"}, 50_200),
        ({"MAX_PACKETS_PER_SECOND": "700"}, 700),
        ({"RATE_LIMIT_RECEIPTS_BURST": "2000"}, 2_180),
    ],
)
def test_packets_are_far_more_than_events_when_limits_are_changed(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: int
) -> None:
    """A client that keeps the other limits never meets this one."""
    assert expected == load(monkeypatch, given).max_packets_per_second


def test_settings_refuse_fewer_packets_when_allowed_events_would_exceed_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An honest client would be closed."""
    text = refusal(monkeypatch, {"MAX_PACKETS_PER_SECOND": "679"})

    assert text.startswith("MAX_PACKETS_PER_SECOND must be at least 680, the sum of the limits")


@pytest.mark.parametrize("name", ["CORS_ORIGINS", "CLERK_AUTHORIZED_PARTIES"])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://chat.example.com/", "https://chat.example.com"),
        ("HTTPS://Chat.Example.com:443", "https://chat.example.com"),
        ("http://localhost:080", "http://localhost"),
        ("http://localhost:03000", "http://localhost:3000"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost/", "tauri://localhost"),
        ("app://.", "app://."),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
    ],
)
def test_origin_is_taken_as_browsers_write_it_when_it_is_spelt_otherwise(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, meant: str
) -> None:
    """It is compared character by character, with ``Origin`` and with ``azp``."""
    clerk = {**PRODUCTION, name: written}

    settings = load(monkeypatch, clerk)

    assert (meant,) == getattr(settings, name.lower())


@pytest.mark.parametrize(
    ("written", "meant"),
    [("null", "null"), ("NULL", "null"), ("file://", "file://"), ("file:///", "file://")],
)
def test_origin_of_pages_without_a_server_is_taken_when_it_is_configured(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    """A sandboxed frame's, and a page's from a file. Tokens for them have no party."""
    settings = load(monkeypatch, {"CORS_ORIGINS": written, "PORT": "3000"})

    assert (meant,) == settings.cors_origins
    assert ("http://localhost:3000", "http://127.0.0.1:3000") == settings.clerk_authorized_parties


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_trusted_proxy_is_taken_as_ipv4_when_it_is_mapped_into_ipv6(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    """Or it would match no peer that comes by IPv4."""
    settings = load(monkeypatch, {"TRUSTED_PROXIES": written})

    assert [meant] == [str(each) for each in settings.trusted_proxies]


def test_settings_refuse_the_queue_when_one_frame_would_fill_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal is enough; so both may be set to their least."""
    text = refusal(monkeypatch, {"MAX_FRAME_BYTES": "20000", "SOCKET_QUEUE_MAX_BYTES": "19999"})
    least = load(
        monkeypatch,
        {
            "MAX_FRAME_BYTES": "4712",
            "SOCKET_QUEUE_MAX_BYTES": "4712",
            "MESSAGE_MAX_CHARS": "1",
        },
    )

    expected = (
        "SOCKET_QUEUE_MAX_BYTES must be at least MAX_FRAME_BYTES: "
        "the largest message would cut off whoever gets it."
    )
    assert expected == text
    assert (4712, 4712) == (least.max_frame_bytes, least.socket_queue_max_bytes)


def test_settings_refuse_the_frame_when_the_longest_message_may_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal names both settings and the least that works, which is taken."""
    text = refusal(monkeypatch, {"MESSAGE_MAX_CHARS": "10000"})
    least = load(monkeypatch, {"MAX_FRAME_BYTES": "124700"})

    expected = (
        "MAX_FRAME_BYTES must be at least 124700 while MESSAGE_MAX_CHARS is 10000: a larger frame "
        "closes the connection, and each character of a message may take 12 bytes of it."
    )
    assert expected == text
    assert (10_000, 124_700) == (least.message_max_chars, least.max_frame_bytes)


def test_longest_message_fits_in_the_least_frame_when_a_client_escapes_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As JSON writers do that know ASCII alone, with ids of the greatest length."""
    settings = load(monkeypatch, {"MAX_FRAME_BYTES": "52700"})
    longest_id = "🎈" * MAX_ID_CHARS
    payload = {
        "content": "🎈" * settings.message_max_chars,
        "channelId": longest_id,
        "clientMessageId": longest_id,
    }

    frame = f"42{2**53}{json.dumps(['sendMessage', payload])}"

    assert 52_600 < len(frame.encode()) <= settings.max_frame_bytes


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"PING_INTERVAL_SECONDS": "3600", "PING_TIMEOUT_SECONDS": "0.5"},
            (
                "PING_INTERVAL_SECONDS must be at most 500, which is 1000 times the shorter one of "
                "PING_TIMEOUT_SECONDS and CONNECT_TIMEOUT_SECONDS."
            ),
        ),
        (
            {
                "DATABASE_URL": "postgresql://db/chat",
                "DATABASE_STATEMENT_TIMEOUT_SECONDS": "1",
            },
            (
                "DATABASE_LOCK_TIMEOUT_SECONDS must be less than "
                "DATABASE_STATEMENT_TIMEOUT_SECONDS, which is 1: waiting for a lock is part of a "
                "statement, so the server would never give up the lock first."
            ),
        ),
    ],
    ids=["pings", "lock"],
)
def test_settings_are_refused_when_two_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    """Each would be taken alone; the sentence names all that are concerned."""
    assert sentence == refusal(monkeypatch, environment)


def test_lock_timeout_may_be_anything_when_the_database_is_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite has no statement timeout."""
    settings = load(monkeypatch, {"DATABASE_STATEMENT_TIMEOUT_SECONDS": "1"})

    assert 1 == settings.database_statement_timeout_seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"postgresql://db/Chat"', "postgresql://db/Chat"),
        ("'memory:'", "memory:"),
        ("PostgreSQL://db/Chat", "postgresql://db/Chat"),
        ("Memory:", "memory:"),
        ("postgresql+asyncpg://db/chat", "postgresql+asyncpg://db/chat"),
        ("sqlite+aiosqlite:///chat.db", "sqlite+aiosqlite:///chat.db"),
    ],
)
def test_database_url_is_taken_when_it_is_spelt_as_elsewhere(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    """In quotes by Docker's env files, in capitals, or with SQLAlchemy's name of the driver."""
    settings = load(monkeypatch, {"DATABASE_URL": written})

    assert meant == settings.database_url


@pytest.mark.parametrize("data_dir", ["what?", "c#", "100%41", "my data", "a@b:c", "ü&=+;"])
def test_database_lies_in_data_dir_when_that_has_characters_of_an_address(
    monkeypatch: pytest.MonkeyPatch, data_dir: str
) -> None:
    """The derived address leads to that very folder."""
    settings = load(monkeypatch, {"DATA_DIR": data_dir})

    file = sqlite_file(parse_database_url(settings.database_url))

    assert Path(data_dir) / "chat.db" == file


def test_settings_keep_secrets_when_shown_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the key nor the database's password is in a repr or a refusal."""
    settings = load(monkeypatch, PRODUCTION)

    shown = f"{settings!r} {settings}"
    missing = refusal(monkeypatch, {"CLERK_ISSUER": ""})
    malformed = refusal(
        monkeypatch,
        {
            "DATABASE_URL": "mysql://chat:hunter2@db/chat",
            "CLERK_JWKS_URL": "https://chat:hunter2@clerk.example.com/jwks",
        },
    )

    assert "hunter2" not in shown + missing + malformed
    assert "a public key" not in shown + missing + malformed


def test_settings_say_so_when_dotenv_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A `.env` that is no text is a sentence, not a traceback."""
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe")

    text = refusal(monkeypatch, {})

    assert ".env cannot be read (UnicodeDecodeError): mend the file or remove it." == text


def test_settings_describe_every_field_when_documented() -> None:
    """The documentation's table and the refusals need a description of each setting."""
    described = [name for name, field in Settings.model_fields.items() if field.description]

    assert described == list(Settings.model_fields)


def test_misspelt_settings_are_found_when_a_name_is_nearly_a_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("rate_limit_burts=3\nDATABASE_URI=sqlite:///x\n")
    monkeypatch.setenv("CORS_ORIGNS", "http://localhost")

    assert [
        "CORS_ORIGNS is not a setting; did you mean CORS_ORIGINS?",
        "DATABASE_URI is not a setting; did you mean DATABASE_URL?",
        "RATE_LIMIT_BURTS is not a setting; did you mean RATE_LIMIT_BURST?",
    ] == misspelt_settings()


def test_refusal_names_the_misspelt_setting_when_the_right_one_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = refusal(monkeypatch, {"APP_ENV": "production", "DATABSE_URL": "sqlite:///x"})

    assert text.endswith("\nDATABSE_URL is not a setting; did you mean DATABASE_URL?")


def test_no_setting_is_called_misspelt_when_it_belongs_to_the_original_or_to_the_system() -> None:
    Path(".env").write_text(
        "".join(
            f"{name}=x\n"
            for name in (
                *("DIRECT_URL", "CLERK_SECRET_KEY", "CLERK_WEBHOOK_SECRET", "CLERK_ISSUER_URL"),
                *("JWT_SECRET", "NEXT_PUBLIC_SOCKET_URL", "NEXT_PUBLIC_CLERK_JWKS_URL"),
                *("WEB_CONCURRENCY", "REDIS_PORT_6379_TCP", "HOSTNAME", "OPENAI_API_KEY"),
            )
        )
    )

    assert [] == misspelt_settings()
