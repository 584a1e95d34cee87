"""Tests sockets and servers of the framework with the real JavaScript client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from dependency_injector import providers

from app.framework import (
    AckTimeoutError,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    WsUnavailable,
    subscribe_message,
    web_socket_gateway,
)
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.unit.framework.assembling import application


@web_socket_gateway()
class LobbyGateway:
    """The gateway of the root namespace."""

    server = WebSocketServer()

    async def handle_connection(self, client: Socket) -> None:
        """Emit to the room that the client has just joined, to all clients, and to all others."""
        await client.join("lobby")
        self.server.to("lobby").emit("room", client.connected, sorted(client.rooms - {client.id}))
        self.server.emit("everybody", client.id in client.rooms)
        client.broadcast.emit("others")

    @subscribe_message("echo")
    def echo(self, _: Socket, data: Any) -> Any:
        return data

    @subscribe_message("leave")
    def leave(self, client: Socket, close: bool) -> None:  # noqa: FBT001 - the payload
        client.disconnect(close)

    @subscribe_message("answer, then fail")
    def fail(self, _: Socket, data: Any, ack: Callable[[Any], None]) -> None:
        ack(data)
        raise WsException("too late")

    @subscribe_message("return an error")
    def return_error(self) -> WsException:
        return WsException("no")

    @subscribe_message("follow")
    async def follow(self, client: Socket, other: str) -> None:
        await client.join([other])
        client.to([other]).emit("followed", client.id)
        self.server.to(other).emit("both")


async def _refuse_banned(client: Socket) -> None:
    await asyncio.sleep(0)
    if client.handshake.auth.get("key") == "banned for now":
        raise WsUnavailable("banned for now")
    if client.handshake.auth.get("key") == "banned":
        raise WsException("banned", code="banned")


@web_socket_gateway(namespace="admin")
class AdminGateway:
    """A namespace that refuses clients without the right key."""

    def after_init(self, server: Server) -> None:
        server.use(_refuse_banned)

    async def handle_connection(self, client: Socket) -> None:
        if client.handshake.auth.get("key") == "later":
            raise WsUnavailable("later")
        if client.handshake.auth.get("key") != "sesame":
            raise WsException("no key")
        client.on("listened", lambda data, ack: ack(["listener", data]))
        client.once("kick", lambda: client.nsp.emit("kicked"))
        client.on("disconnecting", lambda: client.nsp.of("/").emit("admin leaves", [*client.rooms]))
        client.on("disconnect", lambda reason: client.nsp.of("/").emit("admin left", reason))

    @subscribe_message("ask me")
    async def ask_client(self, client: Socket, question: Any) -> Any:
        client.volatile.emit("volatile", 1)
        answer = await client.emit_with_ack("question", question, timeout_seconds=ANSWER_SECONDS)
        return {"answer": answer, "all": await client.nsp.emit_with_ack("question", "all")}

    @subscribe_message("ask in vain")
    async def ask_in_vain(self, client: Socket) -> str:
        try:
            await client.nsp.emit_with_ack("unanswered", timeout_seconds=0.01)
        except AckTimeoutError as error:
            return str(error)
        return "answered"

    @subscribe_message("describe")
    def describe(self, client: Socket) -> dict[str, Any]:
        handshake, lobby = client.handshake, client.nsp.of("/")
        return {
            "namespaces": [client.nsp.name, lobby.name],
            "sockets": [client.id in client.nsp.sockets, len(lobby.sockets)],
            "room": len(lobby.adapter.rooms["lobby"]),
            "clients": lobby.engine.clients_count,
            "handshake": [
                handshake.url.split("&")[0],
                handshake.time.endswith("GMT+0000 (Coordinated Universal Time)"),
                handshake.secure,
                handshake.xdomain,
            ],
        }

    @subscribe_message("kick")
    def kick(self, client: Socket, close: bool) -> None:  # noqa: FBT001 - the payload
        client.disconnect(close)


@web_socket_gateway(namespace="/teams/:team")
class TeamGateway:
    """A namespace for each team."""

    server = WebSocketServer()

    def after_init(self, server: Server) -> None:
        server.use(_refuse_banned)

    @subscribe_message("tell")
    def tell(self, client: Socket, everybody: bool) -> dict[str, Any]:  # noqa: FBT001 - payload
        (self.server if everybody else client.nsp).emit("told")
        return {
            "name": client.nsp.name,
            "team": client.nsp.params["team"],
            "count": len(self.server.sockets),
        }


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    gateways = (LobbyGateway, AdminGateway, TeamGateway)
    app = application(*map(providers.Singleton, gateways))
    yield await app.listen(0)
    await app.close()


def connect(driver: JsDriver, url: str, namespace: str = "", **auth: str) -> JsClient:
    """Connect a client; all clients of a URL share a connection, as the namespaces of a page do."""
    return driver.connect(url, namespace or "lobby", auth, namespace=namespace, forceNew=False)


async def test_newcomer_receives_its_own_broadcasts_after_connect(
    driver: JsDriver, url: str
) -> None:
    """As in Nest, the socket is connected before ``handle_connection`` runs."""
    client = connect(driver, url)

    await client.sees("everybody")

    assert [("connect", 1), ("room", 2), ("everybody", 1)] == [
        (each.event, len(each.args)) for each in client.log
    ]
    assert ([True, ["lobby"]], [True]) == (client.log[1].args, client.log[2].args)
    client.disconnect()


async def test_refused_namespace_leaves_the_others_when_they_share_a_connection(
    driver: JsDriver, url: str
) -> None:
    """The refused client receives the error and ``io server disconnect``."""
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    admin = connect(driver, url, "/admin", key="wrong")

    error = await admin.sees("exception")
    reason = await admin.sees("disconnect")

    assert ("no key", "io server disconnect") == (error["message"], reason)
    assert 1 == await lobby.ask("echo", 1)
    assert "disconnect" not in lobby.events
    lobby.disconnect()


@pytest.mark.parametrize("close", [False, True])
async def test_disconnect_ends_one_namespace_or_all_of_the_connection(
    driver: JsDriver, url: str, *, close: bool
) -> None:
    """With ``close``, all clients receive ``io server disconnect``, so no client reconnects."""
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    admin = connect(driver, url, "/admin", key="sesame")
    await admin.sees("connect")

    admin.emit("kick", close)
    admin.emit("kick", close)  # This arrives after the socket has left the namespace.
    reason = await admin.sees("disconnect")

    assert "io server disconnect" == reason
    if close:
        assert "io server disconnect" == await lobby.sees("disconnect")
        await asyncio.sleep(0.4)  # Longer than the client's longest reconnect delay.
        assert (1, 1) == (admin.events.count("connect"), lobby.events.count("connect"))
    else:
        assert 1 == await lobby.ask("echo", 1)
        assert "disconnect" not in lobby.events
        lobby.disconnect()


async def test_late_error_is_an_exception_event_and_a_returned_error_is_an_ack(
    driver: JsDriver, url: str
) -> None:
    client = connect(driver, url)

    acked = await client.ask("answer, then fail", 7)
    error = await client.sees("exception")
    returned = await client.ask("return an error")

    assert (7, "too late") == (acked, error["message"])
    assert ("no", "no") == (returned["error"], returned["message"])
    client.disconnect()


async def test_socket_joins_the_room_of_another_socket(driver: JsDriver, url: str) -> None:
    """Each socket's id is a room, which other sockets can join."""
    leader = driver.connect(url, "leader", {})
    follower = driver.connect(url, "follower", {})
    leader_id, follower_id = await leader.sees("connect"), await follower.sees("connect")

    follower.emit("follow", leader_id)

    assert follower_id == await leader.sees("followed")
    await leader.sees("both")
    await follower.sees("both")
    assert "followed" not in follower.events
    leader.disconnect()
    follower.disconnect()


async def test_middleware_refuses_with_connect_error_and_other_namespaces_stay(
    driver: JsDriver, url: str
) -> None:
    """``handle_connection`` does not run, and the client does not reconnect."""
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    admin = connect(driver, url, "/admin", key="banned")

    assert {"message": "banned", "data": {"code": "banned"}} == await admin.sees("connect_error")
    assert ["connect_error"] == admin.events
    assert 1 == await lobby.ask("echo", 1)
    lobby.disconnect()


async def test_namespace_and_handshake_are_described_under_nodes_names(
    driver: JsDriver, url: str
) -> None:
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    admin = connect(driver, url, "/admin", key="sesame")

    assert {
        "namespaces": ["/admin", "/"],
        "sockets": [True, 1],
        "room": 1,
        "clients": 1,
        "handshake": ["/socket.io/?EIO=4", True, False, False],
    } == await admin.ask("describe")
    lobby.disconnect()
    admin.disconnect()


async def test_listeners_of_a_socket_run_besides_the_gateways_handlers(
    driver: JsDriver, url: str
) -> None:
    """A listener can ack an event that no gateway handles, or run at the socket's disconnection."""
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    one, two = (
        driver.connect(url, name, {"key": "sesame"}, namespace="/admin") for name in ("one", "two")
    )
    await two.sees("connect")

    assert ["listener", 5] == await one.ask("listened", 5)
    one_id = await one.sees("connect")
    one.emit("kick", 0)
    reason = await one.sees("disconnect")

    assert "io server disconnect" == reason
    await two.sees("kicked")
    assert [one_id] == await lobby.sees("admin leaves")
    assert "server namespace disconnect" == await lobby.sees("admin left")
    lobby.disconnect()
    two.disconnect()


async def test_server_awaits_acks_of_clients_while_it_handles_their_event(
    driver: JsDriver, url: str
) -> None:
    """The client's ack is handled before the events that wait for the handler."""
    one, two = (
        driver.connect(url, name, {"key": "sesame"}, namespace="/admin") for name in ("one", "two")
    )
    await two.sees("connect")
    await one.sees("connect")

    answer = await one.ask("ask me", {"id": 1})
    late = await one.ask("ask in vain")

    assert {"answer": {"id": 1}, "all": ["all", "all"]} == answer
    assert "not all answers have arrived in time; 0 have" == late
    assert 1 == await one.sees("volatile")
    one.disconnect()
    two.disconnect()


async def test_namespaces_with_a_parameter_are_separate_and_share_a_gateway(
    driver: JsDriver, url: str
) -> None:
    """As in Nest, the gateway's server publishes to all of these namespaces."""
    red, blue = (
        driver.connect(url, team, {}, namespace=f"/teams/{team}") for team in ("red", "blue")
    )
    await red.sees("connect")
    await blue.sees("connect")

    assert {"name": "/teams/red", "team": "red", "count": 2} == await red.ask("tell", 0)
    await red.sees("told")
    await blue.ask("tell", 1)
    await red.sees("told")

    assert (2, 1) == (red.events.count("told"), blue.events.count("told"))
    red.disconnect()
    blue.disconnect()


async def test_namespace_is_refused_when_it_does_not_match_or_a_middleware_refuses(
    driver: JsDriver, url: str
) -> None:
    unknown = driver.connect(url, "unknown", {}, namespace="/teams/red/blue")
    banned = driver.connect(url, "banned", {"key": "banned"}, namespace="/teams/red")

    errors = [await unknown.sees("connect_error"), await banned.sees("connect_error")]

    assert ["Invalid namespace", "banned"] == [error["message"] for error in errors]


async def test_temporary_refusal_leaves_the_other_namespaces_of_a_connection(
    driver: JsDriver, url: str
) -> None:
    """Closing the connection would make every namespace reconnect."""
    lobby = connect(driver, url)
    await lobby.sees("everybody")
    later = connect(driver, url, "/admin", key="later")
    banned = connect(driver, url, "/teams/red", key="banned for now")

    reasons = [(await later.sees("exception"))["code"], await later.sees("disconnect")]
    error = await banned.sees("connect_error")

    assert ["unavailable", "io server disconnect"] == reasons
    assert {"code": "unavailable", "temporary": True} == error["data"]
    assert 1 == await lobby.ask("echo", 1)
    assert 1 == lobby.events.count("connect")
    lobby.disconnect()
