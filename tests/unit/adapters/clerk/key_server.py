"""A local key server that can be slow, give wrong answers, or be down."""

import asyncio

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.adapters.clerk.signed_tokens import jwk


class KeyServer:
    """Answers `/jwks` with the test's response, and counts requests."""

    def __init__(self) -> None:
        self.body = key_set(jwk())
        self.status = 200
        self.requests = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        application = web.Application()
        application.router.add_get("/jwks", self._answer)
        application.router.add_get("/moved", self._redirect)
        self._server = TestServer(application, host="127.0.0.1")

    def url(self, path: str = "/jwks") -> str:
        return str(self._server.make_url(path))

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        self.may_answer.set()
        await self._server.close()

    async def _answer(self, _request: web.Request) -> web.Response:
        self.requests += 1
        self.asked.set()
        await self.may_answer.wait()
        return web.Response(body=self.body, status=self.status)

    async def _redirect(self, _request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(status=302, headers={"Location": self.url()})


def key_set(*keys: object) -> bytes:
    """Return a JSON Web Key Set of these keys."""
    return orjson.dumps({"keys": keys})
