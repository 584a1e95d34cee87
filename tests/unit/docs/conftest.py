from collections.abc import Sequence
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.framework import EventRoute
from app.main import create_application


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The settings without any environment variables and without `.env`."""
    monkeypatch.chdir(tmp_path)  # This folder has no .env.
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings()


@pytest.fixture
def routes(defaults: Settings) -> Sequence[EventRoute]:
    in_memory = defaults.model_copy(update={"database_url": "memory:"})
    return create_application(in_memory).events()
