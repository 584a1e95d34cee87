"""Makes what a client sent fit for a log line, and keeps clients from filling the log."""

from collections.abc import Callable
from time import monotonic

MAX_CHARS = 100


def log_text(value: object) -> str:
    """The value as printable ASCII, `MAX_CHARS` of it at most."""
    text = str(value)
    shown = text[:MAX_CHARS].encode("ascii", "backslashreplace").decode()
    printable = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in shown)
    return printable if len(text) <= MAX_CHARS else f"{printable}..."


class LogLimit:
    """Lets each subject be logged once in a period, and at most ``max_subjects`` of them.

    Clients choose the subjects, so both the log and the memory for subjects are bounded.
    """

    def __init__(
        self,
        period_seconds: float = 60.0,
        max_subjects: int = 20,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._period_seconds = period_seconds
        self._max_subjects = max_subjects
        self._clock = clock
        self._began_at = clock()
        self._logged: set[str] = set()

    def allows(self, subject: str) -> bool:
        """Whether to log this subject now; counts it as logged if so."""
        now = self._clock()
        if now - self._began_at >= self._period_seconds:
            self._began_at = now
            self._logged.clear()
        if subject in self._logged or len(self._logged) >= self._max_subjects:
            return False
        self._logged.add(subject)
        return True
