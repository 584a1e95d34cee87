"""The base class and the field types of every payload that clients send."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from app.domain.ids import ChannelId, ClientMessageId, MessageId, checked_id
from app.domain.text import checked_storable


def _to_integer(value: object) -> object:
    # JSON has one kind of number, so some client languages write 50 as 50.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_CHECKED = AfterValidator(checked_id)

CheckedChannelId = Annotated[ChannelId, _CHECKED]
CheckedMessageId = Annotated[MessageId, _CHECKED]
CheckedClientMessageId = Annotated[ClientMessageId, _CHECKED]

StorableText = Annotated[str, AfterValidator(checked_storable)]
"""A text without NUL and lone surrogates. To limit the length, add ``Field(max_length=...)``."""

Integer = Annotated[int, BeforeValidator(_to_integer)]
"""A whole number, written as 50 or 50.0. Rejects 50.5, "50" and true."""


class ClientPayload(BaseModel):
    """A frozen payload with camelCase keys and exact types: "1" is not accepted as a number."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)
