"""What every payload from a client has in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from app.domain.ids import MAX_ID_CHARS, ChannelId, ClientMessageId, MessageId


def _without_nul(text: str) -> str:
    if "\0" in text:  # PostgreSQL refuses it
        raise ValueError("must not contain NUL")
    return text


def _to_integer(value: object) -> object:
    # JSON has one kind of number: languages that have two may write 50 as 50.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_LENGTH = StringConstraints(min_length=1, max_length=MAX_ID_CHARS)
_NO_NUL = AfterValidator(_without_nul)

# Identifiers are any text of 1 to 191 characters: of what form is nobody's business here.
AnyChannelId = Annotated[ChannelId, _LENGTH, _NO_NUL]
AnyMessageId = Annotated[MessageId, _LENGTH, _NO_NUL]
AnyClientMessageId = Annotated[ClientMessageId, _LENGTH, _NO_NUL]

Integer = Annotated[int, BeforeValidator(_to_integer)]
"""A whole number, however it is written: 50 or 50.0, but not 50.5, "50" or true."""


class ClientPayload(BaseModel):
    """A frozen payload with camelCase keys and exact types: "1" is no number."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)
