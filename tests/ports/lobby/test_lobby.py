"""Plays with the lobby, as players and the web site do."""

import pytest
import pytest_asyncio

from app.framework.testing import ManualClock, Test
from tests.ports.conftest import Port, Serve
from tests.ports.lobby.lobby_settings import LobbySettings
from tests.ports.lobby.module import app_module


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, clock: ManualClock) -> Port:
    builder = Test.create_testing_module(app_module(clock))
    builder.override_provider(LobbySettings).use_value(LobbySettings(max_players=2))
    return await serve(builder.compile().create_nest_application())


async def test_match_starts_when_all_players_are_ready_and_the_countdown_ends(
    port: Port, clock: ManualClock
) -> None:
    ann, bob = await port.connect("ann", "/lobby"), await port.connect("bob", "/lobby")
    assert [] == await bob.sees("lobbies")

    lobby = await ann.ask("lobby.create", {"title": "Fun", "mode": "duo", "cheat": True})
    assert {
        "id": "lobby-1",
        "title": "Fun",
        "mode": "duo",
        "host": "ann",
        "players": ["ann"],
        "maxPlayers": 2,
        "starting": False,
    } == lobby
    assert [lobby] == await bob.sees("lobbies")
    assert ["ann", "bob"] == (await bob.ask("lobby.join", {"lobbyId": "lobby-1"}))["players"]
    assert ["ann", "bob"] == (await ann.sees("lobby.state"))["players"]
    assert "not_host" == (await bob.ask("lobby.start"))["code"]

    assert {"countdownMs": 5_000} == await ann.ask("lobby.start")
    assert 5_000 == await bob.sees("lobby.countdown")
    await clock.advance(5)

    started = {"match": "match-lobby-1", "players": ["ann", "bob"]}
    assert [started, started] == [await each.sees("lobby.started") for each in (ann, bob)]
    assert ["ready"] == [each.args[0] for each in bob.log if each.event == "lobby.readyCheck"]
    assert "no_lobby" == (await bob.ask("lobby.leave"))["code"]


async def test_leaving_player_stops_the_countdown_and_hands_over_the_lobby(
    port: Port, clock: ManualClock
) -> None:
    ann, bob = await port.connect("ann", "/lobby"), await port.connect("bob", "/lobby")
    await ann.ask("lobby.create", {"title": "Fun"})
    await bob.ask("lobby.join", {"lobbyId": "lobby-1"})
    await ann.ask("lobby.start")

    ann.emit("lobby.leave")
    state = await bob.sees("lobby.state")
    await clock.advance(5)
    carl = await port.connect("carl", "/lobby")

    assert (["bob"], "bob", False) == (state["players"], state["host"], state["starting"])
    assert ["lobby-1"] == [each["id"] for each in await carl.sees("lobbies")]
    await carl.ask("lobby.join", {"lobbyId": "lobby-1"})
    assert "lobby.started" not in bob.events


async def test_host_kicks_a_player(port: Port) -> None:
    ann, bob = await port.connect("ann", "/lobby"), await port.connect("bob", "/lobby")
    await ann.ask("lobby.create", {"title": "Fun"})
    await bob.ask("lobby.join", {"lobbyId": "lobby-1"})
    await ann.sees("lobby.state")

    kicked = await ann.ask("lobby.kick", {"player": "bob"})

    assert (True, False) == (kicked, await ann.ask("lobby.kick", {"player": "zoe"}))
    assert {"by": "ann"} == await bob.sees("lobby.kicked")
    assert "io server disconnect" == await bob.sees("disconnect")
    assert ["ann"] == (await ann.sees("lobby.state"))["players"]


async def test_impossible_requests_are_answered_with_codes(port: Port) -> None:
    ann, bob, carl = [await port.connect(name, "/lobby") for name in ("ann", "bob", "carl")]
    await ann.ask("lobby.create", {"title": "Fun", "maxPlayers": 9})
    await bob.ask("lobby.join", {"lobbyId": "lobby-1"})

    full = await carl.ask("lobby.join", {"lobbyId": "lobby-1"})
    invalid = await carl.ask("lobby.create", {"title": "x", "mode": "trio"})
    carl.emit("lobby.join", {"lobbyId": "lobby-7"})

    assert {"error": "Fun is full.", "code": "lobby_full", "temporary": False} == full
    assert ["title", "mode"] == [each["path"] for each in invalid["fields"]]
    assert "There is no lobby lobby-7." == (await carl.sees("exception"))["message"]


async def test_player_needs_a_free_name(port: Port) -> None:
    await port.connect("ann", "/lobby")
    nameless, double = port.begin("nameless", "/lobby", auth={}), port.begin("ann", "/lobby")

    errors = [await nameless.sees("connect_error"), await double.sees("connect_error")]

    assert ["no_name", "name_taken"] == [each["data"]["code"] for each in errors]


async def test_web_site_lists_lobbies_and_counts_players(port: Port) -> None:
    ann = await port.connect("ann", "/lobby")
    await port.connect("bob", "/lobby")
    await ann.ask("lobby.create", {"title": "Fun"})

    lobbies = await (await port.http.get("/lobbies")).json()
    none = await (await port.http.get("/lobbies?limit=0")).json()
    stats = await (await port.http.get("/lobbies/stats")).json()
    wrong = await port.http.get("/lobbies?limit=many")

    assert (["Fun"], []) == ([each["title"] for each in lobbies], none)
    assert {"players": 2, "browsing": 1} == stats
    assert 400 == wrong.status
