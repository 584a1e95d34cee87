"""Tests the database limits that the application sets (app/modules/app_module.py)."""

import pytest

from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.config.settings import Settings
from app.modules.app_module import database_limits


def test_limits_are_the_adapters_own_when_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults of `DatabaseLimits` and of the settings are equal."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    assert DEFAULT_LIMITS == database_limits(Settings(_env_file=None))
