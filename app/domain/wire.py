"""How a value looks on the wire: camelCase keys, ISO 8601 dates with milliseconds and ``Z``."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

_RECENT_DATES = 1024
"""How many dates are remembered as text: a message is written more than once, with two dates."""


@lru_cache(_RECENT_DATES)
def to_iso(moment: datetime) -> str:
    """An aware datetime as JavaScript's ``toJSON`` writes it: ``2026-01-31T09:30:00.123Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


WireDate = Annotated[datetime, PlainSerializer(to_iso, return_type=str, when_used="json")]
"""An aware UTC datetime, precise to the millisecond."""


class WireModel(BaseModel):
    """A frozen value that crosses the wire: snake_case in Python, camelCase in JSON."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)
