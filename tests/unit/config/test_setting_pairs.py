import json

import pytest

from app.domain.ids import MAX_ID_CHARS
from tests.unit.config.environment import load, refusal


def test_settings_refuse_fewer_packets_when_allowed_events_would_exceed_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = refusal(monkeypatch, {"MAX_PACKETS_PER_SECOND": "679"})

    assert text.startswith("MAX_PACKETS_PER_SECOND must be at least 680, the sum of the limits")


def test_settings_refuse_the_queue_when_one_frame_would_fill_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A recipient's queue must have room for the largest frame."""
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
        "else the largest message would disconnect its recipients."
    )
    assert expected == text
    assert (4712, 4712) == (least.max_frame_bytes, least.socket_queue_max_bytes)


def test_settings_refuse_the_frame_when_the_longest_message_may_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names both settings and the minimum. The minimum itself is accepted."""
    text = refusal(monkeypatch, {"MESSAGE_MAX_CHARS": "10000"})
    least = load(monkeypatch, {"MAX_FRAME_BYTES": "124700"})

    expected = (
        "MAX_FRAME_BYTES must be at least 124700 while MESSAGE_MAX_CHARS is 10000: one character "
        "of a message takes up to 12 bytes, and a frame that is too large closes the connection."
    )
    assert expected == text
    assert (10_000, 124_700) == (least.message_max_chars, least.max_frame_bytes)


def test_longest_message_fits_in_the_least_frame_when_a_client_escapes_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longest message with the longest ids fits, even if a client escapes every character."""
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
                "PING_INTERVAL_SECONDS must be at most 500, which is 1000 times the shorter of "
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
                "DATABASE_STATEMENT_TIMEOUT_SECONDS, which is 1: a statement that waits for a "
                "lock would time out before the wait does."
            ),
        ),
    ],
    ids=["pings", "lock"],
)
def test_settings_are_refused_when_two_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    """The error names all settings that contradict each other."""
    assert sentence == refusal(monkeypatch, environment)


def test_lock_timeout_may_be_anything_when_the_database_is_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite has no statement timeout, so the two settings are not compared."""
    settings = load(monkeypatch, {"DATABASE_STATEMENT_TIMEOUT_SECONDS": "1"})

    assert 1 == settings.database_statement_timeout_seconds
