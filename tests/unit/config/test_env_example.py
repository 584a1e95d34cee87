"""Tests that .env.example agrees with app/config/settings.py."""

import re
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.config.settings import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"
WITHOUT_DEFAULT = {
    "CLERK_AUDIENCE",
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_ISSUER",
    "CLERK_JWKS_URL",
    "CLERK_JWT_KEY",
    "CLERK_WEBHOOK_SIGNING_SECRET",
    "REDIS_HOST",
    "REDIS_PASSWORD",
    "REDIS_URL",
    "SERVICE_KEY",
    "SEED_FILE",
    "TRUSTED_PROXIES",
}


def _example() -> dict[str, str | None]:
    uncommented = re.sub(r"^# (?=[A-Z_]+=)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    return dotenv_values(stream=StringIO(uncommented))


def test_env_example_lists_every_setting() -> None:
    assert {name.upper() for name in Settings.model_fields} == set(_example())


def test_env_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each line shows the default, so removing the comment mark of a line changes nothing."""
    monkeypatch.chdir(tmp_path)  # This folder has no .env.
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    defaults = Settings()

    for name, value in _example().items():
        if name not in WITHOUT_DEFAULT:
            monkeypatch.setenv(name, value or "")

    assert defaults == Settings()
