"""Tests controllers, their routes, and CORS."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from dependency_injector import providers
from yarl import URL

from app.framework import controller, delete, get, patch, post, put
from app.framework.core.http.controllers import cors_middleware
from app.framework.core.http.router import routes_of
from tests.unit.framework.assembling import start_error

FRIEND = "https://friend.example"

Client = TestClient[web.Request, web.Application]


@controller("things")
class _Things:
    @get()
    async def index(self, _: web.Request) -> web.Response:
        return web.Response(text="index")

    @post("/one/")
    async def one(self, request: web.Request) -> web.Response:
        return web.Response(text=await request.text())

    async def helper(self) -> None:
        """Return nothing; this method is not a route."""


@controller("owners")
class _Owners:
    @put("{owner}/things/{thing}")
    async def give(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.match_info))

    @patch("{owner}")
    async def change(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.match_info))

    @delete("{owner}")
    async def remove(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.match_info))


@controller()
class _Root:
    @get()
    async def index(self, _: web.Request) -> web.Response:
        return web.Response(text="root")

    @get("gone")
    async def gone(self) -> None:
        raise web.HTTPGone

    @get("socket")
    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        return websocket


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a server with both controllers and one allowed origin."""
    app = web.Application(middlewares=[cors_middleware((FRIEND,))])
    app.router.add_routes([*routes_of(_Things()), *routes_of(_Owners()), *routes_of(_Root())])
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [("GET", "/things", "index"), ("POST", "/things/one", "sent"), ("GET", "/", "root")],
)
async def test_controller_answers_when_prefix_and_path_are_joined(
    client: Client, method: str, path: str, text: str
) -> None:
    """Slashes at the end of the prefix or of the path make no difference."""
    response = await client.request(method, path, data="sent" if method == "POST" else None)

    assert (200, text) == (response.status, await response.text())


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("PUT", "/owners/a/things/b", {"owner": "a", "thing": "b"}),
        ("PATCH", "/owners/a", {"owner": "a"}),
        ("DELETE", "/owners/%C3%A4%2Fb%25%20c", {"owner": "ä/b% c"}),
        ("DELETE", "/owners/a%252Fb", {"owner": "a%2Fb"}),
    ],
)
async def test_controller_gets_parameters_when_the_path_has_them(
    client: Client, method: str, path: str, parameters: dict[str, str]
) -> None:
    """Each parameter is decoded once, after the path has been split."""
    response = await client.request(method, URL(path, encoded=True))

    assert (200, parameters) == (response.status, await response.json())


def test_controller_has_no_route_when_a_method_is_not_decorated() -> None:
    assert [("GET", "/things"), ("POST", "/things/one")] == [
        (route.method, route.path) for route in routes_of(_Things())
    ]


async def test_cors_lets_an_origin_read_when_it_is_listed(client: Client) -> None:
    """The response allows credentials, and caches must store it per origin."""
    response = await client.get("/things", headers={"Origin": FRIEND})

    assert (FRIEND, "true", "Origin") == (
        response.headers["Access-Control-Allow-Origin"],
        response.headers["Access-Control-Allow-Credentials"],
        response.headers["Vary"],
    )


async def test_cors_lets_an_origin_read_errors_when_the_handler_raises_one(client: Client) -> None:
    response = await client.get("/gone", headers={"Origin": FRIEND})

    assert (410, FRIEND) == (response.status, response.headers["Access-Control-Allow-Origin"])


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://foe.example"}, {"Origin": "null"}])
async def test_cors_says_nothing_when_the_origin_is_not_listed(
    client: Client, headers: dict[str, str]
) -> None:
    """Without CORS headers, the browser hides the response from the page."""
    response = await client.get("/things", headers=headers)

    assert 200 == response.status
    assert "Access-Control-Allow-Origin" not in response.headers


async def _answer(_: web.Request) -> web.Response:
    return web.Response()


async def test_cors_lets_any_origin_read_without_credentials_when_any_is_allowed() -> None:
    """With credentials, every page could read what its visitor may read."""
    app = web.Application(middlewares=[cors_middleware("*")])
    app.router.add_get("/things", _answer)
    async with TestClient(TestServer(app)) as anyone:
        response = await anyone.get("/things", headers={"Origin": FRIEND})

    assert "*" == response.headers["Access-Control-Allow-Origin"]
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_cors_answers_a_preflight_when_the_origin_is_listed(client: Client) -> None:
    """The handler does not run for a preflight request."""
    response = await client.options(
        "/things/one", headers={"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
    )

    assert 204 == response.status
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]


async def test_cors_answers_no_preflight_when_options_asks_for_no_method(client: Client) -> None:
    """An OPTIONS request that is no preflight reaches the handler."""
    response = await client.options("/things", headers={"Origin": FRIEND})

    assert 405 == response.status


async def test_cors_leaves_a_websocket_alone_when_its_headers_have_left(client: Client) -> None:
    """CORS does not apply to WebSockets, whose origin the transport checks."""
    websocket = await client.ws_connect("/socket", headers={"Origin": FRIEND})

    await websocket.receive()
    assert websocket.closed


async def test_routes_are_inherited_when_a_base_class_has_them() -> None:
    """A controller inherits routes from its base class, as a gateway inherits events."""

    class _Base:
        @get("one")
        async def one(self, _: web.Request) -> web.Response:
            return web.Response()

    @controller("things")
    class _Controller(_Base):
        @post("one")
        async def other(self, _: web.Request) -> web.Response:
            return web.Response()

    assert [("GET", "/things/one"), ("POST", "/things/one")] == [
        (route.method, route.path) for route in routes_of(_Controller())
    ]


async def test_boot_fails_when_two_controllers_have_one_route() -> None:
    """If two handlers had the same route, the second would never run."""

    @controller("things")
    class _One:
        @get()
        async def index(self, _: web.Request) -> web.Response:
            return web.Response()

    @controller()
    class _Other:
        @get("things")
        async def index(self, _: web.Request) -> web.Response:
            return web.Response()

    sentence = await start_error(providers.Singleton(_One), providers.Singleton(_Other))

    assert "GET /things has two handlers; remove one" == sentence


async def test_boot_fails_when_two_routes_differ_only_in_a_parameters_name() -> None:
    @controller("things")
    class _Things:
        @get("{id}")
        async def by_id(self) -> None: ...

        @get("{name}")
        async def by_name(self) -> None: ...

    assert "GET /things/{name} has two handlers; remove one" == (
        await start_error(providers.Singleton(_Things))
    )
