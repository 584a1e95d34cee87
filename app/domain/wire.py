"""How a value looks on the wire: camelCase keys, ISO 8601 dates with milliseconds and ``Z``."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from functools import lru_cache

_RECENT_DATES = 1024
"""How many dates are remembered as text: a message is written twice, with two dates."""


class WireValue(ABC):
    """A frozen value that crosses the wire: snake_case in Python, camelCase in JSON.

    It is a dataclass, made of what has been checked already, and says itself what it is on the
    wire: both cost a third of what a model's validation and serialization do.
    """

    __slots__ = ()

    @abstractmethod
    def to_wire(self) -> dict[str, object]:
        """The JSON object: every field in its order, by its name in camelCase, dates as text."""


@lru_cache(_RECENT_DATES)
def to_iso(moment: datetime) -> str:
    """An aware datetime as JavaScript's ``toJSON`` writes it: ``2026-01-31T09:30:00.123Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
