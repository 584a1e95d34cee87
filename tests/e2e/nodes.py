"""Starts production servers that share Redis, and sends them a backend's and Clerk's requests."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession

from tests.e2e.clerk import PRODUCTION
from tests.e2e.conftest import GENEROUS
from tests.e2e.server_process import ServerProcess, running
from tests.unit.adapters.clerk.signed_webhooks import SECRET, headers

SERVICE_KEY = "the-key-of-a-backend"

NODE = {
    **PRODUCTION,
    **GENEROUS,
    "SERVICE_KEY": SERVICE_KEY,
    "CLERK_WEBHOOK_SIGNING_SECRET": SECRET,
    # With this setting, a client learns immediately whether it was admitted.
    "AUTH_FAILURE_MODE": "connect_error",
}
"""The settings of a node, without ``REDIS_URL``."""

HEALTH_SECONDS = 30.0
HEALTH_RETRY_SECONDS = 0.1

Nodes = tuple[ServerProcess, ServerProcess]

Readiness = tuple[int, dict[str, str]]

READY: Readiness = (200, {"status": "ok"})
"""The answer of ``GET /health/ready`` if everything is available."""


@asynccontextmanager
async def two_nodes(folder: Path, redis_url: str, **settings: str) -> AsyncIterator[Nodes]:
    """Start two server processes that share only Redis."""
    everything = {**NODE, "REDIS_URL": redis_url, **settings}
    async with running(folder, everything) as first, running(folder, everything) as second:
        yield first, second


async def change_channel(node: ServerProcess, method: str, path: str) -> None:
    """Send a backend's request for ``/channels/{path}``."""
    key = {"Authorization": f"Bearer {SERVICE_KEY}"}
    url = f"{node.url}/channels/{path}"
    async with ClientSession() as http, http.request(method, url, headers=key) as answer:
        assert answer.status == 200, await answer.text()


async def revoke(node: ServerProcess, named: Mapping[str, str]) -> None:
    """Send ``POST /sessions/revoke``."""
    key = {"Authorization": f"Bearer {SERVICE_KEY}"}
    url = f"{node.url}/sessions/revoke"
    async with ClientSession() as http, http.post(url, json=named, headers=key) as answer:
        assert answer.status == 200


async def send_webhook(node: ServerProcess, event_type: str, subject: str, message_id: str) -> None:
    """Send ``POST /webhooks/clerk`` with a valid signature."""
    body = json.dumps({"data": {"id": subject}, "object": "event", "type": event_type}).encode()
    url = f"{node.url}/webhooks/clerk"
    signed = headers(body, message_id)
    async with ClientSession() as http, http.post(url, data=body, headers=signed) as answer:
        assert answer.status == 200


async def readiness(node: ServerProcess, expected: Readiness) -> Readiness:
    """Poll ``GET /health/ready`` until the answer is as expected or the time is up.

    Returns the status and body of the last answer.
    """
    give_up_at = time.monotonic() + HEALTH_SECONDS
    async with ClientSession() as http:
        while True:
            async with http.get(f"{node.url}/health/ready") as response:
                answer = response.status, await response.json()
            if answer == expected or time.monotonic() > give_up_at:
                return answer
            await asyncio.sleep(HEALTH_RETRY_SECONDS)
