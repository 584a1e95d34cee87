"""Tests the rows that ``python -m app events`` prints."""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field

from app.domain.socket_response import SocketResponse
from app.framework import (
    Ack,
    AckFunction,
    ConnectedSocket,
    MessageBody,
    Socket,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.websockets.event_table import EventRow, event_rows
from tests.unit.framework.driving import Driver
from tests.unit.framework.tracing import TracingGuard


class _Payload(BaseModel):
    user_id: str = Field(validation_alias="userId")
    temporary: str | None = Field(None, validation_alias=AliasChoices("short", "long"))
    plain: int = 0


@web_socket_gateway()
@use_guards(TracingGuard([], "class"))
class _Gateway:
    @subscribe_message("model")
    def on_model(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        body: Annotated[_Payload, MessageBody()],
    ) -> list[_Payload]:
        return [body] if client.connected else []

    @subscribe_message("field")
    @use_guards(TracingGuard([], "method"))
    def on_field(self, n: Annotated[int, MessageBody("n")]) -> None:
        del n

    @subscribe_message("ack")
    def on_ack(self, ack: Annotated[AckFunction, Ack()]) -> None:
        ack()

    @subscribe_message("either")
    def on_either(self) -> list[int] | SocketResponse[_Payload]:
        return [1]

    @subscribe_message("plain")
    def on_plain(self, client: Socket, data: dict[str, int]):  # type: ignore[no-untyped-def]  # noqa: ANN202
        del client, data


def test_rows_tell_event_handler_guards_payload_and_ack_when_routes_are_given() -> None:
    """Fields have their wire names, and ``?`` marks optional fields."""
    rows = event_rows(Driver(_Gateway()).definition.routes)

    assert [
        EventRow(
            "model",
            "_Gateway.on_model",
            "TracingGuard",
            "{userId, short?, plain?}",
            "list[_Payload]",
        ),
        EventRow("field", "_Gateway.on_field", "TracingGuard, TracingGuard", "{n: int}", "none"),
        EventRow("ack", "_Gateway.on_ack", "TracingGuard", "none", "none"),
        EventRow(
            "either",
            "_Gateway.on_either",
            "TracingGuard",
            "none",
            "list[int] | SocketResponse[_Payload]",
        ),
        EventRow("plain", "_Gateway.on_plain", "TracingGuard", "dict[str, int]", "none"),
    ] == rows
