from pathlib import Path

import pytest

from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from tests.unit.config.environment import load


def test_settings_follow_port_and_data_dir_when_those_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Defaults that contain a port or a folder follow PORT and DATA_DIR."""
    settings = load(monkeypatch, {"PORT": "3000", "DATA_DIR": "/srv/chat"})

    assert "sqlite:////srv/chat/chat.db" == settings.database_url
    assert ("http://localhost:3000", "http://127.0.0.1:3000") == settings.cors_origins


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
    """By default, the limit for packets is well above the client's limits for events."""
    assert expected == load(monkeypatch, given).max_packets_per_second


@pytest.mark.parametrize("data_dir", ["what?", "c#", "100%41", "my data", "a@b:c", "ü&=+;"])
def test_database_lies_in_data_dir_when_that_has_characters_of_an_address(
    monkeypatch: pytest.MonkeyPatch, data_dir: str
) -> None:
    """The default DATABASE_URL escapes characters of DATA_DIR that have a meaning in URLs."""
    settings = load(monkeypatch, {"DATA_DIR": data_dir})

    file = sqlite_file(parse_database_url(settings.database_url))

    assert Path(data_dir) / "chat.db" == file
