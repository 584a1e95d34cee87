"""Loads settings from a given environment."""

from collections.abc import Mapping

import pytest

from app.config.settings import Settings
from app.config.settings_loader import SettingsError, load_settings

PRODUCTION = {
    "APP_ENV": "production",
    "CLERK_JWT_KEY": "a public key",
    "CLERK_ISSUER": "https://clerk.example.com",
    "CLERK_AUTHORIZED_PARTIES": "https://chat.example.com",
    "CORS_ORIGINS": "https://chat.example.com",
    "DATABASE_URL": "postgresql://chat:hunter2@db/chat",
}


def load(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> str:
    """Return the error message for an environment with wrong settings."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, environment)
    return str(caught.value)
