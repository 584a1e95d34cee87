from pathlib import Path

import pytest

from app.config.later_settings import _LaterSettings, settings_without_effect
from app.config.settings import Settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor a developer's `.env` reach a test."""
    for name in _LaterSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_none_is_named_when_none_asks_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process is what there is, and an empty variable counts as not set."""
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    (Path.cwd() / ".env").write_text("WEB_CONCURRENCY=\n")

    assert () == settings_without_effect()


def test_each_is_named_when_it_is_set(tmp_path: Path) -> None:
    """In the environment or in `.env`, and without its value."""
    (tmp_path / ".env").write_text("WEB_CONCURRENCY=4\nPORT=3002\n")

    assert ("WEB_CONCURRENCY",) == settings_without_effect()


def test_no_setting_is_called_without_effect_when_it_has_one() -> None:
    """A version that brings one takes it from here."""
    assert not _LaterSettings.model_fields.keys() & Settings.model_fields.keys()
