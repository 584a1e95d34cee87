import pytest
import pytest_asyncio

from app.framework.schedule import Clock
from app.framework.testing import ManualClock, Test
from tests.e2e.js_client import JsClient
from tests.ports.conftest import Port, Serve
from tests.ports.game.lobby_gateway import LEADERBOARD_MS
from tests.ports.game.match_gateway import CLOSE_MS
from tests.ports.game.module import AppModule

TURN_SECONDS = 15


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, clock: ManualClock) -> Port:
    builder = Test.create_testing_module(AppModule).override_provider(Clock).use_value(clock)
    return await serve(builder.compile().create_nest_application())


async def join_match(port: Port, namespace: str, player: str) -> JsClient:
    client = await port.connect(player, namespace, auth={"player": player})
    await client.sees("state")
    return client


async def start_match(port: Port) -> tuple[JsClient, JsClient]:
    """Pair two players in the lobby, and connect them to their match."""
    ada, bob = await port.connect("ada", "/lobby"), await port.connect("bob", "/lobby")
    assert "queued" == await ada.ask("queue:join", "ada")
    assert "paired" == await bob.ask("queue:join", "bob")
    found = await ada.sees("match:found")
    assert found == await bob.sees("match:found")
    namespace = found["namespace"]
    seated = await join_match(port, namespace, "ada")
    return seated, await join_match(port, namespace, "bob")


async def test_players_are_paired_and_play_until_one_has_a_line(
    port: Port, clock: ManualClock
) -> None:
    ada, bob = await start_match(port)

    early = await bob.ask("move", {"cell": 8})
    for cell in (0, 1):
        await ada.ask("move", {"cell": str(cell)})
        await bob.sees("state")
        await bob.ask("move", {"cell": cell + 3})
    taken = await ada.ask("move", {"cell": 0})
    missing = await ada.ask("move", {})
    last = await ada.ask("move", {"cell": 2})

    assert ("illegal_move", "it is not your turn") == (early["code"], early["error"])
    assert "the cell is taken" == taken["error"]
    assert [{"path": "cell", "message": "Validation failed (numeric string is expected)"}] == (
        missing["fields"]
    )
    assert ["ada", "ada", "ada", "bob", "bob", None, None, None, None] == last["cells"]
    for client in (ada, bob):
        assert {"winner": "ada", "reason": "line"} == await client.sees("game:over")
    await clock.advance(CLOSE_MS / 1000)
    for client in (ada, bob):
        assert "io server disconnect" == await client.sees("disconnect")


async def test_player_who_does_not_move_loses_and_the_leaderboard_shows_it(
    port: Port, clock: ManualClock
) -> None:
    ada, bob = await start_match(port)
    spectator = await port.connect("cyd", "/lobby")

    await ada.ask("move", {"cell": 0})
    await clock.advance(TURN_SECONDS)

    assert {"winner": "ada", "reason": "timeout"} == await bob.sees("game:over")
    await clock.advance(LEADERBOARD_MS / 1000)
    assert [["ada", 1]] == await spectator.sees("leaderboard")


async def test_opponent_of_a_player_who_leaves_wins(port: Port) -> None:
    ada, bob = await start_match(port)

    ada.disconnect()

    assert {"winner": "bob", "reason": "left"} == await bob.sees("game:over")


async def test_only_the_players_of_a_match_enter_its_namespace(port: Port) -> None:
    await start_match(port)

    stranger = port.begin("eve", "/match-1", auth={"player": "eve"})
    nowhere = port.begin("ada", "/match-one")

    assert {"code": "no_seat"} == (await stranger.sees("connect_error"))["data"]
    assert "Invalid namespace" == (await nowhere.sees("connect_error"))["message"]


async def test_pointers_and_emotes_reach_the_players(port: Port) -> None:
    ada, bob = await start_match(port)

    ada.emit("pointer", {"x": 3})
    ada.emit("emote")
    ada.emit("emote", {"emote": "laugh"})
    refused = await ada.ask("emote", {"emote": "shout"})

    assert {"x": 3} == await bob.sees("pointer")
    assert {"player": "ada", "emote": "wave"} == await bob.sees("emote")
    assert {"player": "ada", "emote": "laugh"} == await bob.sees("emote")
    assert "invalid_payload" == refused["code"]
    assert "pointer" not in ada.events


async def test_player_who_left_the_queue_is_not_paired(port: Port) -> None:
    ada, bob = await port.connect("ada", "/lobby"), await port.connect("bob", "/lobby")
    await ada.ask("queue:join", "ada")

    assert False is await ada.ask("queue:leave")
    assert "queued" == await bob.ask("queue:join", "bob")
