import pytest

from app.domain.delivery import MAX_RECEIPTS
from tests.unit.config.environment import PRODUCTION, load, refusal


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
    """The error is one line that begins with the setting's name."""
    text = refusal(monkeypatch, {name: value})

    assert text.startswith(name)
    assert "\n" not in text


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
    """Origins are normalised, because they are compared as text with ``Origin`` and ``azp``."""
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
    """Sandboxed frames and files may connect, but their origins are not authorized parties."""
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
    """An IPv4-mapped IPv6 network would match no IPv4 peer."""
    settings = load(monkeypatch, {"TRUSTED_PROXIES": written})

    assert [meant] == [str(each) for each in settings.trusted_proxies]


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
    """Quotes, capitals and SQLAlchemy's driver names in DATABASE_URL are accepted."""
    settings = load(monkeypatch, {"DATABASE_URL": written})

    assert meant == settings.database_url
