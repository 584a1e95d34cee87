import asyncio
from typing import Any

import pytest

from app.framework import AckTimeoutError, Server, Socket
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.socket_api.acks import AwaitedAck, collect_acks


async def answer(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


async def test_ack_has_the_first_argument_when_the_client_answers() -> None:
    """Only the first answer counts; an answer without arguments is None."""
    ack, empty = AwaitedAck(), AwaitedAck()

    ack(1, 2)
    ack(3)
    ack.abandon()
    empty()

    assert (1, None) == (await ack.future, await empty.future)


async def test_ack_fails_when_the_client_disconnects() -> None:
    ack = AwaitedAck()

    ack.abandon()
    ack(1)

    with pytest.raises(ConnectionError, match="the client has disconnected"):
        await ack.future


async def test_acks_are_collected_when_some_clients_disconnect() -> None:
    acks = await collect_acks(map(answer, [1, ConnectionError(), 2]))

    assert [1, 2] == acks


async def test_acks_of_the_others_are_in_the_error_when_a_client_is_late() -> None:
    with pytest.raises(AckTimeoutError, match="1 have") as caught:
        await collect_acks(map(answer, [1, TimeoutError()]))

    assert [1] == caught.value.responses


async def test_other_errors_are_raised_when_acks_are_collected() -> None:
    with pytest.raises(ArithmeticError):
        await collect_acks(map(answer, [TimeoutError(), ArithmeticError()]))


async def test_server_asks_each_selected_socket() -> None:
    """The same event is emitted to each selected socket."""
    link = RecordingLink()
    links = [RecordingLink(), RecordingLink()]
    for each, ack in zip(links, ("a", "b"), strict=True):
        each.acks = [ack]
    link.present = [fake_socket(Socket, link=each) for each in links]

    acks = await Server(link).emit_with_ack("question", 1)

    assert ["a", "b"] == acks
    assert [[("question", (1,))]] * 2 == [each.emitted for each in links]


async def test_reserved_name_is_refused_when_an_ack_is_asked() -> None:
    with pytest.raises(ValueError, match="reserved"):
        await fake_socket(Socket).emit_with_ack("disconnect")
