"""Checks of settings that depend on each other.

Each check raises a `ValueError` that names the settings, the bound and the reason.
"""

_CHARACTER_BYTES = 12
"""The maximum size of a character in JSON: two escapes, such as ``\\ud83d\\ude00``."""

_ENVELOPE_BYTES = 4_700
"""The maximum size of a ``sendMessage`` frame without the content.

The frame contains two ids of 191 escaped characters each, the names of the fields, and punctuation.
"""

_MAX_INTERVAL_RATIO = 1_000
"""The maximum ratio of the ping interval to a timeout.

The timing wheel has a slot for each tenth of the shortest timeout. A million slots would take
hundreds of megabytes of memory.
"""

_SECRET_CHARS = 16
"""The minimum length of a secret that is hard to guess."""


def check_queue(queue_max_bytes: int, frame_max_bytes: int) -> None:
    """Check that the largest frame fits into a client's queue."""
    if queue_max_bytes < frame_max_bytes:
        raise ValueError(
            "SOCKET_QUEUE_MAX_BYTES must be at least MAX_FRAME_BYTES: "
            "else the largest message would disconnect its recipients"
        )


def check_frame(frame_max_bytes: int, message_max_chars: int) -> None:
    """Check that the longest message fits into a frame, even if each character is escaped."""
    needed = _CHARACTER_BYTES * message_max_chars + _ENVELOPE_BYTES
    if frame_max_bytes < needed:
        raise ValueError(
            f"MAX_FRAME_BYTES must be at least {needed} while MESSAGE_MAX_CHARS is "
            f"{message_max_chars}: one character of a message takes up to {_CHARACTER_BYTES} "
            "bytes, and a frame that is too large closes the connection"
        )


def check_pings(
    interval_seconds: float, timeout_seconds: float, connect_timeout_seconds: float
) -> None:
    """Check that the timing wheel of the heartbeats fits in memory."""
    most = _MAX_INTERVAL_RATIO * min(timeout_seconds, connect_timeout_seconds)
    if interval_seconds > most:
        raise ValueError(
            f"PING_INTERVAL_SECONDS must be at most {most:g}, which is {_MAX_INTERVAL_RATIO} "
            "times the shorter of PING_TIMEOUT_SECONDS and CONNECT_TIMEOUT_SECONDS"
        )


def check_lock_timeout(lock_timeout_seconds: float, statement_timeout_seconds: float) -> None:
    """Check that the lock timeout is shorter than the statement timeout."""
    if lock_timeout_seconds >= statement_timeout_seconds:
        raise ValueError(
            "DATABASE_LOCK_TIMEOUT_SECONDS must be less than DATABASE_STATEMENT_TIMEOUT_SECONDS, "
            f"which is {statement_timeout_seconds:g}: a statement that waits for a lock would time "
            "out before the wait does"
        )


def check_packets(max_packets_per_second: int, least: int) -> None:
    """Check that the packet limit lets a client use up its limits for events and receipts."""
    if max_packets_per_second < least:
        raise ValueError(
            f"MAX_PACKETS_PER_SECOND must be at least {least}, the sum of the limits for "
            "events and receipts: else clients that respect those limits would be disconnected"
        )


def check_service_key(service_key: str) -> None:
    """Check that the service key of a production server is hard to guess."""
    if len(service_key) < _SECRET_CHARS:
        raise ValueError(
            f"SERVICE_KEY must have at least {_SECRET_CHARS} characters in production: "
            "anyone who guesses it can sign out every user and delete every channel"
        )
