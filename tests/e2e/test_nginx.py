"""Tests deploy/nginx.conf.template with a real nginx in front of two production servers."""

import json
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from aiohttp import ClientError, ClientSession, TCPConnector, web
from aiohttp.test_utils import RawTestServer
from yarl import URL

from tests.deployment import healthcheck_command
from tests.e2e.clerk import clerk_token
from tests.e2e.hostile.probe_server import eventually
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import NODE, Nodes
from tests.e2e.server_process import running
from tests.nginx_program import MISSING, find_nginx
from tests.nginx_server import PATH_PREFIX, SERVER_NAME, NginxServer
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer
from tests.run_program import run_program
from tests.unit.adapters.clerk.signed_webhooks import headers

CHANNEL = "general"
DATABASE = "behind_nginx"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    postgres_template: str,
    shared_redis_server: RedisServer,
) -> AsyncIterator[Nodes]:
    """Two servers that share PostgreSQL and Redis, and trust nginx's address.

    The first one has two workers on one port.
    """
    folder = tmp_path_factory.mktemp("nodes")
    seed = folder / "seed.json"
    seed.write_text(json.dumps({"user_alice": [CHANNEL], "user_bob": [CHANNEL]}))
    postgres_server.create_database(DATABASE, postgres_template)
    settings = {
        **NODE,
        "DATABASE_URL": postgres_server.url(DATABASE),
        "REDIS_URL": shared_redis_server.url,
        "SEED_FILE": str(seed),
        "TRUSTED_PROXIES": "127.0.0.1",
        "DRAIN_SECONDS": "2",
    }
    workers = {**settings, "WEB_CONCURRENCY": "2"}
    async with running(folder, workers) as first, running(folder, settings) as second:
        yield first, second
    postgres_server.drop_database(DATABASE)


@contextmanager
def running_nginx(folder: Path, node_ports: Sequence[int]) -> Iterator[NginxServer]:
    program = find_nginx()
    if program is None:
        pytest.fail(MISSING, pytrace=False)
    nginx = NginxServer(program, folder, node_ports)
    yield nginx
    nginx.stop()


@pytest.fixture(scope="module")
def nginx(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxServer]:
    folder = tmp_path_factory.mktemp("nginx")
    with running_nginx(folder, [node.port for node in nodes]) as nginx:
        yield nginx


Answering: TypeAlias = Callable[[int], Awaitable[int]]
"""Starts a server that answers every request with a status, and returns its port."""


@pytest_asyncio.fixture(loop_scope="session")
async def answering() -> AsyncIterator[Answering]:
    async with AsyncExitStack() as servers:

        async def answering(status: int) -> int:
            async def answer(_: web.BaseRequest) -> web.Response:
                return web.Response(status=status)

            server = await servers.enter_async_context(RawTestServer(answer))
            return server.port or 0

        yield answering


class Browsers:
    """Connects JavaScript clients through nginx."""

    def __init__(self, driver: JsDriver, nginx: NginxServer) -> None:
        self._driver = driver
        self._nginx = nginx
        self._clients: list[JsClient] = []
        self.own_origin = nginx.url

    def connecting(
        self, name: str, *, token: str | None = None, origin: str | None = None, **options: object
    ) -> JsClient:
        """Begin to connect from a page that nginx serves, unless another origin is given."""
        user_id = f"user_{name}"
        client = self._driver.connect(
            self._nginx.url,
            user_id,
            {"token": token or clerk_token({"sub": user_id})},
            path=f"{PATH_PREFIX}/socket.io",
            ca=self._nginx.certificate,
            family=4,
            **{"extraHeaders": {"Origin": origin or self.own_origin}, **options},
        )
        self._clients.append(client)
        return client

    async def client(self, name: str) -> JsClient:
        client = self.connecting(name)
        await client.sees("connect")
        return client

    def leave(self) -> None:
        for client in self._clients:
            client.disconnect()


@pytest.fixture
def browsers(driver: JsDriver, nginx: NginxServer) -> Iterator[Browsers]:
    browsers = Browsers(driver, nginx)
    yield browsers
    browsers.leave()


async def status_of(
    nginx: NginxServer, path: str, method: str = "GET", body: str | None = None, **headers: str
) -> int:
    """Send a request to nginx by HTTPS, and return the status of the answer."""
    trusting = TCPConnector(ssl=ssl.create_default_context(cadata=nginx.certificate))
    url = URL(nginx.url + path, encoded=True)  # otherwise aiohttp would resolve ".."
    async with (
        ClientSession(connector=trusting) as http,
        http.request(method, url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def send(sender: JsClient, text: str) -> Any:
    """Send a message, and return its ack."""
    return await sender.ask("sendMessage", {"content": text, "channelId": CHANNEL})


async def test_clients_of_both_nodes_chat_over_wss_behind_the_path_prefix(
    browsers: Browsers,
) -> None:
    """Clients get the node with the fewest connections, so Bob is connected to both nodes."""
    bobs = [await browsers.client("bob") for _ in range(2)]
    alice = await browsers.client("alice")

    ack = await send(alice, "hello")
    received = [await bob.sees("message.created") for bob in bobs]

    assert CHANNEL == ack["data"]["channelId"]
    assert ["hello"] * 2 == [message["content"] for message in received]


async def test_client_is_refused_when_its_page_has_another_origin(
    browsers: Browsers, nodes: Nodes
) -> None:
    """The origin is compared with the name and the scheme by which the client reached nginx."""
    stranger = browsers.connecting("alice", origin="https://evil.example")
    plain = browsers.connecting("alice", origin=browsers.own_origin.replace("https", "http"))

    await stranger.sees("connect_error")
    await plain.sees("connect_error")

    assert "connect" not in stranger.events + plain.events
    assert any("https://evil.example" in node.err for node in nodes)


async def test_client_has_its_own_address_when_it_connects_through_nginx(
    browsers: Browsers, nodes: Nodes
) -> None:
    """The proxy replaces ``X-Forwarded-For``, so a client cannot choose its address."""
    forged = {"Origin": browsers.own_origin, "X-Forwarded-For": "203.0.113.7"}
    client = browsers.connecting(
        "alice", token="none", localAddress="127.0.0.9", extraHeaders=forged
    )

    await client.sees("connect_error")

    logs = nodes[0].err + nodes[1].err
    assert 1 == logs.count("127.0.0.9")
    assert "203.0.113.7" not in logs


async def test_header_of_a_client_is_ignored_when_it_does_not_come_from_the_proxy(
    driver: JsDriver, nodes: Nodes
) -> None:
    client = driver.connect(
        nodes[0].url,
        "user_alice",
        {"token": "none"},
        localAddress="127.0.0.8",
        extraHeaders={"X-Forwarded-For": "203.0.113.8"},
    )

    await client.sees("connect_error")
    client.disconnect()

    assert 1 == nodes[0].err.count("127.0.0.8")
    assert "203.0.113.8" not in nodes[0].err


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/socket.io/", "/health", f"{PATH_PREFIX}/health", f"{PATH_PREFIX}/health/ready"),
        *(f"{PATH_PREFIX}/channels", f"{PATH_PREFIX}/sessions/revoke", f"{PATH_PREFIX}/"),
        f"{PATH_PREFIX}/socket.io/../health",
    ],
)
async def test_only_clients_and_webhooks_reach_the_nodes(nginx: NginxServer, path: str) -> None:
    assert 404 == await status_of(nginx, path)


async def test_webhook_reaches_a_node(nginx: NginxServer) -> None:
    body = json.dumps({"data": {"id": "user_x"}, "object": "event", "type": "user.deleted"})
    signed = headers(body.encode(), "msg_behind_nginx")

    status = await status_of(nginx, f"{PATH_PREFIX}/webhooks/clerk", "POST", body, **signed)

    assert 200 == status


async def test_request_is_dropped_when_it_names_another_host(nginx: NginxServer) -> None:
    """A node accepts the origin that the Host header names, so nginx accepts one name only."""
    with pytest.raises(ClientError):
        await status_of(nginx, f"{PATH_PREFIX}/socket.io/", Host="evil.example")


async def test_plain_http_is_redirected_to_https(nginx: NginxServer) -> None:
    url = f"{nginx.http_url}{PATH_PREFIX}/socket.io/"

    async with ClientSession() as http, http.get(url, allow_redirects=False) as answer:
        location = answer.headers["Location"]

    assert 301 == answer.status
    assert f"https://{SERVER_NAME}{PATH_PREFIX}/socket.io/" == location


async def test_access_log_has_no_query(nginx: NginxServer) -> None:
    """Clients may put a token into the query."""
    await status_of(nginx, f"{PATH_PREFIX}/socket.io/?token=a-secret")
    marker = await status_of(nginx, "/marker")

    await eventually(lambda: "/marker" in nginx.access_log.read_text(), lambda: marker)

    log = nginx.access_log.read_text()
    assert f'"GET {PATH_PREFIX}/socket.io/" 4' in log
    assert "a-secret" not in log


async def test_clients_get_the_other_node_when_one_is_draining(
    answering: Answering, tmp_path: Path
) -> None:
    """A draining node answers new clients with 503."""
    draining, other = await answering(503), await answering(200)

    with running_nginx(tmp_path, [draining, other]) as nginx:
        statuses = {await status_of(nginx, f"{PATH_PREFIX}/socket.io/") for _ in range(4)}

    assert {200} == statuses


def is_back(client: JsClient) -> bool:
    """Return whether the client has connected again after each of its disconnections."""
    return client.events.count("connect") > client.events.count("disconnect")


async def test_clients_move_to_the_other_node_when_their_node_drains(
    browsers: Browsers, nodes: Nodes
) -> None:
    """Both nodes restart, one right after the other, so every client moves at least once.

    Each attempt to reconnect succeeds, because nginx tries the other node if the first one is
    draining or gone.
    """
    clients = [await browsers.client(name) for name in ("alice", "bob")]

    for node in nodes:
        node.signal(signal.SIGTERM)
        code = await node.ended()
        await eventually(lambda: all(map(is_back, clients)), lambda: [each.log for each in clients])
        await node.start()
        acks = [await send(each, "still here") for each in clients]

        assert 0 == code
        assert ["still here"] * 2 == [ack["data"]["content"] for ack in acks]

    assert all({"server:draining", "disconnect"} <= set(each.events) for each in clients)
    assert not any("connect_error" in each.events for each in clients)


async def test_health_check_of_the_image_fails_when_no_server_runs(
    nodes: Nodes, tmp_path: Path
) -> None:
    program, *arguments = healthcheck_command()
    command = [sys.executable, *arguments]

    living = run_program(command, tmp_path, {"PORT": str(nodes[0].port)})
    dead = run_program(command, tmp_path, {"PORT": "1"})

    assert "python" == program
    assert 0 == living.returncode
    assert 1 == dead.returncode
