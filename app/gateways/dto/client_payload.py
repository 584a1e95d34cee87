"""What every payload from a client has in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from app.domain.ids import MAX_ID_CHARS, ChannelId, ClientMessageId, MessageId


def _without_nul(text: str) -> str:
    if "\0" in text:  # PostgreSQL refuses it
        raise ValueError("must not contain NUL")
    return text


_LENGTH = StringConstraints(min_length=1, max_length=MAX_ID_CHARS)
_NO_NUL = AfterValidator(_without_nul)

# Identifiers are any text of 1 to 191 characters: of what form is nobody's business here.
AnyChannelId = Annotated[ChannelId, _LENGTH, _NO_NUL]
AnyMessageId = Annotated[MessageId, _LENGTH, _NO_NUL]
AnyClientMessageId = Annotated[ClientMessageId, _LENGTH, _NO_NUL]


class ClientPayload(BaseModel):
    """A frozen payload with camelCase keys and exact types: "1" is no number."""

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)
