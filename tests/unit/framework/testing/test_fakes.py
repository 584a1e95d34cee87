"""Tests the fakes of a client, its connection and its events."""

from aiohttp.test_utils import make_mocked_request

from app.framework import CanActivate, ExecutionContext, Socket
from app.framework.testing import (
    RecordingLink,
    activate,
    fake_connection,
    fake_context,
    fake_http_context,
    fake_socket,
)


def test_fake_connection_is_nests_when_it_is_made_in_one_line() -> None:
    """A guard can see that the fake socket is connecting."""
    client = fake_socket(Socket)

    context = fake_connection(client)

    assert context.is_connection
    assert (client, None, None, "handleConnection") == context.get_args()


def test_fake_context_is_nests_when_it_is_made_in_one_line() -> None:
    """Every argument except the client has a default."""
    client = fake_socket(Socket)

    context = fake_context(client)

    assert (client, None, None, "event") == context.get_args()


def test_fake_context_reads_marks_when_it_is_given_gateway_and_handler() -> None:
    """A `Reflector` reads the metadata of the gateway and the handler."""

    def on_event() -> None: ...

    context = fake_context(
        fake_socket(Socket), {"a": 1}, pattern="mine", handler=on_event, gateway=Socket
    )

    assert ({"a": 1}, "mine", on_event, Socket) == (
        context.get_data(),
        context.get_pattern(),
        context.get_handler(),
        context.get_class(),
    )


def test_fake_socket_keeps_what_happens_to_it_when_it_is_given_a_link() -> None:
    """The link records emits, joined rooms, broadcasts and the disconnect."""
    link = RecordingLink()
    client = fake_socket(Socket, link=link)

    client.emit("event", 1, 2)
    client.join("a", "b")
    client.leave("b")
    client.to("a").emit("other")

    assert [("event", (1, 2))] == link.emitted
    assert ({"a"}, frozenset({"a"})) == (link.joined, client.rooms)
    assert [(frozenset({"a"}), frozenset({"socket-1"}), "other", ())] == link.broadcasts
    assert client.connected

    client.refuse("no", {"code": "why"})

    assert ("no", {"code": "why"}) == link.refusal
    assert (False, frozenset()) == (client.connected, client.rooms)


def test_fake_socket_has_left_when_it_disconnects() -> None:
    """Like a real socket, a disconnected fake socket is in no room."""
    client = fake_socket(Socket)
    client.join("a")

    client.disconnect()

    assert (False, frozenset()) == (client.connected, client.rooms)


async def test_fake_http_context_is_nests_when_it_is_made_in_one_line() -> None:
    """A guard reads the request, and sets headers of the response."""

    class _KeyGuard(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            http = context.switch_to_http()
            http.get_response().set_header("X-Checked", "yes")
            return bool(http.get_request().headers.get("X-Key") == "sesame")

    context = fake_http_context(make_mocked_request("GET", "/", headers={"X-Key": "sesame"}))

    assert await activate(_KeyGuard(), context)
    assert {"X-Checked": "yes"} == dict(context.get_response().headers)
