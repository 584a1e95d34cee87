"""Settings that contradict each other: each check raises a `ValueError` that names both."""

_CHARACTER_BYTES = 12
"""What one character may take in a client's JSON: two escapes, such as ``\\ud83d\\ude00``."""

_ENVELOPE_BYTES = 4_700
"""The rest of a ``sendMessage`` frame: two ids of 191 such characters, names, and punctuation."""

_MAX_INTERVAL_RATIO = 1_000
"""How much longer than a timeout the interval of pings may be.

The wheel that times both has a slot for each tenth of the shorter one: a million slots would take
hundreds of megabytes at the start.
"""


def check_queue(queue_max_bytes: int, frame_max_bytes: int) -> None:
    """What may wait for a client holds the largest frame."""
    if queue_max_bytes < frame_max_bytes:
        raise ValueError(
            "SOCKET_QUEUE_MAX_BYTES must be at least MAX_FRAME_BYTES: "
            "the largest message would cut off whoever gets it"
        )


def check_frame(frame_max_bytes: int, message_max_chars: int) -> None:
    """A frame holds the longest message, however its client escapes it."""
    needed = _CHARACTER_BYTES * message_max_chars + _ENVELOPE_BYTES
    if frame_max_bytes < needed:
        raise ValueError(
            f"MAX_FRAME_BYTES must be at least {needed} while MESSAGE_MAX_CHARS is "
            f"{message_max_chars}: a larger frame closes the connection, and each character of a "
            f"message may take {_CHARACTER_BYTES} bytes of it"
        )


def check_pings(
    interval_seconds: float, timeout_seconds: float, connect_timeout_seconds: float
) -> None:
    """The heartbeat's wheel has a size that fits in memory."""
    most = _MAX_INTERVAL_RATIO * min(timeout_seconds, connect_timeout_seconds)
    if interval_seconds > most:
        raise ValueError(
            f"PING_INTERVAL_SECONDS must be at most {most:g}, which is {_MAX_INTERVAL_RATIO} "
            "times the shorter one of PING_TIMEOUT_SECONDS and CONNECT_TIMEOUT_SECONDS"
        )


def check_lock_timeout(lock_timeout_seconds: float, statement_timeout_seconds: float) -> None:
    """A server gives up a lock before the statement that waits for it."""
    if lock_timeout_seconds >= statement_timeout_seconds:
        raise ValueError(
            "DATABASE_LOCK_TIMEOUT_SECONDS must be less than DATABASE_STATEMENT_TIMEOUT_SECONDS, "
            f"which is {statement_timeout_seconds:g}: waiting for a lock is part of a statement, "
            "so the server would never give up the lock first"
        )
