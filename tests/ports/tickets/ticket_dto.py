"""The payloads of clients."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tests.ports.tickets.ticket import Priority


class Payload(BaseModel):
    """A payload whose fields have camelCase names on the wire."""

    model_config = ConfigDict(alias_generator=to_camel)


class TagDto(Payload):
    """``{label}``."""

    label: str


class CreateTicketDto(Payload):
    """``{subject, priority?, budget?, tags?}``."""

    subject: Annotated[str, Field(min_length=3)]
    priority: Priority = Priority.LOW
    budget: Decimal = Decimal(0)
    tags: list[TagDto] = []


class CommentDto(Payload):
    """``{ticketId, text}``."""

    ticket_id: str
    text: Annotated[str, Field(min_length=1)]


class AttachmentDto(Payload):
    """``{ticketId, name, content}``."""

    ticket_id: str
    name: str
    content: bytes
