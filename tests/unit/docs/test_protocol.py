"""Tests docs/protocol.md."""

import inspect
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TypeVar

from pydantic.alias_generators import to_camel

from app.config.settings import Settings
from app.domain import errors
from app.domain.errors import (
    MISSING_PARTY_DETAIL,
    AuthenticationCode,
    AuthenticationError,
    ChatError,
)
from app.domain.events import ServerEvent
from app.framework import EventRoute, WsException
from app.framework.common import exceptions
from app.framework.websockets.event_table import event_rows
from app.gateways.ws_gateway import WsGateway
from tests.unit.docs.markdown import ROOT, codes, table
from tests.unit.domain.wire_samples import WIRE_TYPES

PAGE = ROOT / "docs" / "protocol.md"

ErrorClass = TypeVar("ErrorClass", bound=Exception)


def _subclasses(module: ModuleType, base: type[ErrorClass]) -> Iterator[type[ErrorClass]]:
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, base) and cls is not base:
            yield cls


def _ack(annotation: str) -> str:
    """Translate ``SocketResponse[tuple[DeliveryStatus, ...]]`` to ``DeliveryStatus[]``."""
    inner = re.sub(r"^(?:Socket|Paged)Response\[(.*)\]$", r"\1", annotation)
    return re.sub(r"^tuple\[(.*), \.\.\.\]$", r"\1[]", inner)


def _default(value: object) -> str:
    match value:
        case None | ():
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"`{value:g}`"
        case tuple():
            return f"`{','.join(map(str, value))}`"
        case _:
            return f"`{value}`"


def test_protocol_lists_every_event_from_clients(routes: Sequence[EventRoute]) -> None:
    """The table has exactly the events, payloads and acks of the chat's compiled handlers."""
    of_the_chat = [route for route in routes if route.gateway is WsGateway]
    listed = [(codes(row[0]), row[1], codes(row[2])) for row in table(PAGE, "Events from clients")]

    assert listed == [
        (
            [row.event],
            "none" if row.payload == "none" else f"`{row.payload}`",
            [_ack(each) for each in row.ack.split(" | ")],
        )
        for row in event_rows(of_the_chat)
    ]


def test_protocol_lists_every_event_from_the_server() -> None:
    """The table has exactly the chat's events and Nest's ``exception``."""
    listed = [name for row in table(PAGE, "Events from the server") for name in codes(row[0])]

    assert [*ServerEvent, "exception"] == listed


def test_protocol_lists_every_type() -> None:
    """The table has exactly the types of the domain, with the names of their fields on the wire."""
    listed = {codes(row[0])[0]: codes(row[1]) for row in table(PAGE, "Types")}

    assert listed == {
        cls.__name__: [to_camel(field) for field in inspect.signature(cls).parameters]
        for cls in WIRE_TYPES
    }


def test_protocol_lists_every_authentication_code() -> None:
    """The table has each code with the detail and the mark "temporary" that clients receive."""
    listed = [
        (codes(row[0])[0], row[1], row[2] == "yes") for row in table(PAGE, "Authentication codes")
    ]

    refusals = [AuthenticationError(code) for code in AuthenticationCode]
    assert listed == [(str(each.code), each.detail, each.temporary) for each in refusals]


def test_protocol_quotes_the_detail_of_a_token_without_a_party() -> None:
    """Only `token_party` has two details, and the page quotes the second one."""
    assert MISSING_PARTY_DETAIL in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_protocol_lists_every_event_code() -> None:
    """The table has exactly the codes of the domain's and the framework's errors."""
    listed = {codes(row[0])[0]: row[2] == "yes" for row in table(PAGE, "Event codes")}

    domain = {
        cls.code: cls.temporary
        for cls in _subclasses(errors, ChatError)
        if cls is not AuthenticationError
    }
    framework = {cls.code: cls.temporary for cls in _subclasses(exceptions, WsException)}
    assert listed == domain | framework


def test_protocol_lists_every_setting(defaults: Settings) -> None:
    """The table has each setting's name, default and description, in the order of the code."""
    listed = [
        (codes(name)[0], default, meaning) for name, default, meaning in table(PAGE, "Settings")
    ]

    assert listed == [
        (name.upper(), _default(getattr(defaults, name)), field.description)
        for name, field in Settings.model_fields.items()
    ]
