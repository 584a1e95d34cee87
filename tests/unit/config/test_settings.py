from ipaddress import ip_network
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.config.settings_loader import load_settings
from tests.unit.config.environment import PRODUCTION, load, refusal


def test_settings_run_locally_when_nothing_is_set() -> None:
    """The defaults are a database file, local origins and the development issuer."""
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
    """The base URL of a server that listens on every interface has the loopback address."""
    settings = load(monkeypatch, {"HOST": host})

    assert base_url == settings.base_url


def test_settings_read_lists_when_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and empty entries are dropped, and origins are written as browsers send them."""
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
    """The environment overrides `.env`, and unknown lines in `.env` are ignored."""
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
    """In development, Clerk needs only a key and an issuer; parties default to local origins."""
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
    """Frontends call this setting CLERK_ISSUER_URL, and the server accepts that name too."""
    environment = {**PRODUCTION, "CLERK_ISSUER": "", "CLERK_ISSUER_URL": "https://other.example"}

    settings = load(monkeypatch, environment)

    assert "https://other.example" == settings.issuer


def test_settings_name_everything_missing_when_production_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One error names every setting that production requires."""
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
    """In production, a required setting has no default."""
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
    """An incomplete Clerk configuration is an error instead of enabling the development issuer."""
    text = refusal(monkeypatch, environment)

    assert f"Authentication by Clerk needs {named}: set them in the environment or in .env." == text


def test_settings_describe_every_field_when_documented() -> None:
    """Error messages and docs/protocol.md show the description of each setting."""
    described = [name for name, field in Settings.model_fields.items() if field.description]

    assert described == list(Settings.model_fields)
