"""Draws on whiteboards with several clients."""

from typing import Any

import pytest
import pytest_asyncio

from app.framework.testing import ManualClock, Test
from tests.e2e.js_client import JsClient
from tests.ports.conftest import Port, Serve
from tests.ports.whiteboard.module import app_module, configure

LINE = {"kind": "line", "points": [[0, 0], [1, 1.5]], "width": "2.50"}
NOTE = {"kind": "note", "at": [3, 4], "text": "hello"}
PNG = b"\x89PNG\x00\xff"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(loop_scope="session")
async def port(serve: Serve, clock: ManualClock) -> Port:
    module = Test.create_testing_module(app_module(clock)).compile()
    return await serve(configure(module.create_nest_application()))


async def enter(port: Port, board: str = "plan", role: str = "editor") -> JsClient:
    return await port.connect(role, f"/boards/{board}", query={"role": role})


def buffer(data: bytes) -> dict[str, Any]:
    """Return Node's JSON of a Buffer, which the driver converts in both directions."""
    return {"type": "Buffer", "data": list(data)}


async def test_shapes_reach_the_clients_of_their_board_only(port: Port) -> None:
    one, two, other = await enter(port), await enter(port), await enter(port, "other")

    ids = [await one.ask("draw", shape) for shape in (LINE, NOTE)]
    drawn = [await two.sees("draw") for _ in range(2)]

    assert [{**LINE, "id": ids[0]}, {**NOTE, "id": ids[1]}] == drawn
    summary = await two.ask("summary")
    assert (2, ["line", "note"]) == (summary["shapes"], sorted(summary["kinds"]))
    assert ("2.50", "2026-01-31T09:30:00.000Z") == (summary["ink"], summary["last_change"])
    assert [ids[1]] == await one.ask("erase", [ids[1], "019b2f8e-0000-7000-8000-000000000000"])
    assert [ids[1]] == await two.sees("erase")
    assert 0 == (await other.ask("summary"))["shapes"]
    assert "draw" not in other.events + one.events


async def test_latecomer_replays_the_board_and_readers_watch_its_preview(port: Port) -> None:
    reader = await port.connect("reader", "/previews/plan")
    one = await enter(port)
    for shape in (LINE, NOTE):
        await one.ask("draw", shape)

    late = await enter(port)
    late.emit("replay")

    assert ["line", "note"] == [(await late.sees("replay"))["kind"] for _ in range(2)]
    assert [1, 2] == [(await reader.sees("preview"))["shapes"] for _ in range(2)]
    assert "unknown_event" == (await reader.ask("draw", LINE))["code"]


async def test_pictures_are_bytes_and_available_by_http(port: Port) -> None:
    one, two = await enter(port), await enter(port)

    ack = await one.ask("picture", {"data": buffer(PNG)})
    picture = await two.sees("picture")
    response = await port.http.get("/boards/plan/snapshot")

    assert {"name": "picture", "size": 6, "head": buffer(PNG[:4])} == ack
    assert {"name": "picture", "data": buffer(PNG)} == picture
    assert (PNG, "image/png") == (await response.read(), response.headers["Content-Type"])
    replaced = await port.http.put("/boards/plan/snapshot", data=b"new")
    too_large = await port.http.put("/boards/plan/snapshot", data=b"x" * 101)
    missing = await port.http.get("/boards/lost/snapshot")
    assert [204, 413, 404] == [each.status for each in (replaced, too_large, missing)]
    assert b"new" == await (await port.http.get("/boards/plan/snapshot")).read()


async def test_locks_protect_shapes_until_they_expire(port: Port, clock: ManualClock) -> None:
    one, two = await enter(port), await enter(port)
    shape = await one.ask("draw", LINE)

    assert await one.ask("lock", {"id": shape})
    assert False is await two.ask("lock", {"id": shape, "seconds": 1})
    refused = await two.ask("erase", [shape])
    missing = await two.ask("lock", {"id": "019b2f8e-0000-7000-8000-000000000000"})
    await clock.advance(30)

    assert ("refused", "no_shape") == (refused["code"], missing["code"])
    assert shape == await two.sees("unlocked")
    assert [shape] == await two.ask("erase", [shape])


async def test_viewers_see_cursors_but_may_not_draw(port: Port) -> None:
    editor, viewer = await enter(port), await enter(port, role="viewer")

    editor.emit("cursor", [1, 2])
    editor.emit("laser", [3, 4])
    answers = [await viewer.ask(event, LINE) for event in ("draw", "picture", "lock")]

    assert [1, 2] == (await viewer.sees("cursor"))["at"]
    assert [3, 4] == await viewer.sees("laser")
    assert ["Forbidden resource"] * 3 == [each["error"] for each in answers]


async def test_first_hello_is_answered_and_leaving_is_announced(port: Port) -> None:
    one, two = await enter(port), await enter(port)

    hello = await one.ask("hello", "ann")
    one.emit("hello", "bob")
    await one.ask("summary")
    one.disconnect()

    assert ("/boards/plan", False) == (hello["board"], hello["browser"])
    assert "role=editor" in hello["url"]
    assert {"name": "ann", "reason": "client namespace disconnect"} == await two.sees("left")
    assert [2] == [each.args[0] for each in two.log if each.event == "editors"]


async def test_bursts_are_limited_and_shapes_are_checked(port: Port, clock: ManualClock) -> None:
    one = await enter(port)

    wrong = [
        await one.ask("draw", shape)
        for shape in ({"kind": "circle"}, {**LINE, "points": []}, {**NOTE, "color": "red"})
    ]
    assert [[""], ["line.points"], ["note.color"]] == [
        [each["path"] for each in answer["fields"]] for answer in wrong
    ]
    for _ in range(2):
        await one.ask("draw", NOTE)
    assert "rate_limited" == (await one.ask("draw", NOTE))["code"]
    for _ in range(60):
        one.emit("cursor", [0, 0])
    await clock.advance(1)
    await one.ask("draw", NOTE)
    assert 3 == (await one.ask("summary"))["shapes"]


async def test_names_of_boards_and_sizes_of_frames_are_checked(port: Port) -> None:
    one = await enter(port)
    wrong = port.begin("reader", "/previews/No Board")

    one.emit("picture", {"data": buffer(b"x" * 20_001)})

    assert "Invalid namespace" == (await wrong.sees("connect_error"))["message"]
    assert await one.sees("disconnect") in ("transport close", "transport error")
