from pathlib import Path

import pytest

from app.config.settings_loader import misspelt_settings
from tests.unit.config.environment import PRODUCTION, load, refusal


def test_settings_name_each_one_when_several_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has one line per wrong setting, and none for defaults that depend on one."""
    text = refusal(monkeypatch, {"AUTH_EXPIRY": "never", "MAX_FRAME_BYTES": "0", "PORT": "0"})

    assert [
        "PORT must be greater than or equal to 1 (TCP port to listen on).",
        (
            "AUTH_EXPIRY must be 'enforce' or 'handshake' "
            "(enforce, or handshake: check the expiry at connect only)."
        ),
        "MAX_FRAME_BYTES must be greater than or equal to 1024 (largest frame a client may send).",
    ] == text.splitlines()


def test_settings_keep_secrets_when_shown_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and database passwords do not appear in a ``repr`` or an error."""
    settings = load(monkeypatch, PRODUCTION)

    shown = f"{settings!r} {settings}"
    missing = refusal(monkeypatch, {"CLERK_ISSUER": ""})
    malformed = refusal(
        monkeypatch,
        {
            "REDIS_URL": "redis2://chat:hunter2@redis",
            "CLERK_JWKS_URL": "https://chat:hunter2@clerk.example.com/jwks",
        },
    )

    assert "hunter2" not in shown + missing + malformed
    assert "a public key" not in shown + missing + malformed


def test_settings_say_so_when_dotenv_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error for a binary `.env` file is one sentence."""
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe")

    text = refusal(monkeypatch, {})

    assert ".env cannot be read (UnicodeDecodeError): fix the file or remove it." == text


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
                *("REDIS_PORT_6379_TCP", "HOSTNAME", "OPENAI_API_KEY"),
            )
        )
    )

    assert [] == misspelt_settings()
