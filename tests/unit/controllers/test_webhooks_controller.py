import json
import logging
from collections.abc import AsyncIterator

import pytest

from app.adapters.clerk.webhook_verifier import ClerkWebhookVerifier
from app.controllers.webhooks_controller import MAX_BODY_BYTES, WebhooksController
from app.domain.credential import RevocationKind
from app.domain.errors import Unavailable
from app.ports import WebhookLog
from tests.unit.adapters.clerk.signed_webhooks import SECRET, headers
from tests.unit.controllers.revoking import Client, RecordingSessionService, refusal_log, serving

TEN_MINUTES = 600


class _Log(WebhookLog):
    """A log of handled webhook ids, which several nodes share."""

    failure: Exception | None = None

    def __init__(self) -> None:
        self.ttls: dict[str, int] = {}

    async def contains(self, message_id: str) -> bool:
        if self.failure is not None:
            raise self.failure
        return message_id in self.ttls

    async def add(self, message_id: str, ttl_seconds: int) -> None:
        self.ttls[message_id] = ttl_seconds


@pytest.fixture
def sessions() -> RecordingSessionService:
    return RecordingSessionService()


@pytest.fixture
def log() -> _Log:
    return _Log()


@pytest.fixture
async def client(sessions: RecordingSessionService, log: _Log) -> AsyncIterator[Client]:
    controller = WebhooksController(sessions, ClerkWebhookVerifier(SECRET), log, refusal_log())
    async with serving(controller) as client:
        yield client


def event(event_type: str, **data: object) -> bytes:
    """Create a webhook body in Clerk's format."""
    return json.dumps({"type": event_type, "data": data, "object": "event"}).encode()


async def send(client: Client, body: bytes, message_id: str = "msg_1") -> tuple[int, object]:
    """Send a signed body, and return the status and the answer."""
    response = await client.post("/webhooks/clerk", data=body, headers=headers(body, message_id))
    return response.status, await response.json()


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("session.ended", RevocationKind.SESSION),
        ("session.removed", RevocationKind.SESSION),
        ("session.revoked", RevocationKind.SESSION),
        ("user.deleted", RevocationKind.USER),
        ("user.banned", RevocationKind.USER),
    ],
)
async def test_subject_is_revoked_when_clerk_says_that_it_went(
    client: Client, sessions: RecordingSessionService, log: _Log, event_type: str, kind: str
) -> None:
    """The webhook's id is stored for as long as a copy of the webhook could be accepted."""
    answer = await send(client, event(event_type, id="id_1", user_id="user_alice"))

    assert (200, {"status": "ok"}) == answer
    assert [(kind, "id_1")] == sessions.revoked
    assert ["msg_1"] == list(log.ttls)
    assert log.ttls["msg_1"] > TEN_MINUTES


async def test_user_is_revoked_when_an_update_says_banned(
    client: Client, sessions: RecordingSessionService, log: _Log
) -> None:
    """Clerk reports a ban by ``user.updated``, not by ``user.banned``."""
    answer = await send(client, event("user.updated", id="user_alice", banned=True, locked=False))

    assert (200, {"status": "ok"}) == answer
    assert [(RevocationKind.USER, "user_alice")] == sessions.revoked
    assert ["msg_1"] == list(log.ttls)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"banned": False},
        {"banned": None},
        {"banned": "true"},
        {"banned": False, "locked": True, "lockout_expires_in_seconds": 3600},
    ],
)
async def test_nothing_is_revoked_when_an_update_says_no_ban(
    client: Client, sessions: RecordingSessionService, data: dict[str, object]
) -> None:
    """A locked account keeps its sessions at Clerk, so its sockets stay connected as well."""
    answer = await send(client, event("user.updated", id="user_alice", **data))

    assert (200, {"status": "ok"}) == answer
    assert [] == sessions.revoked


@pytest.mark.parametrize("event_type", ["user.created", "session.created", "user.unbanned", "x"])
async def test_nothing_is_revoked_when_the_type_is_none_of_ours(
    client: Client, sessions: RecordingSessionService, event_type: str
) -> None:
    """The response to an unknown type is 200, so that Svix does not retry."""
    answer = await send(client, event(event_type, id=5))

    assert (200, {"status": "ok"}) == answer
    assert [] == sessions.revoked


async def test_message_has_no_effect_when_it_was_dealt_with(
    client: Client, sessions: RecordingSessionService
) -> None:
    """A webhook is handled once, even if Svix delivers it to two nodes."""
    body = event("session.ended", id="sess_1")

    answers = [await send(client, body, message_id) for message_id in ("msg_1", "msg_1", "msg_2")]

    assert [200, 200, 200] == [status for status, _ in answers]
    assert 2 == len(sessions.revoked)


async def test_message_is_dealt_with_when_the_store_is_back(
    client: Client, sessions: RecordingSessionService, log: _Log
) -> None:
    """A failed webhook is answered with 503 and not logged as handled, so Svix's retry succeeds."""
    body = event("user.deleted", id="user_alice")
    sessions.failure = Unavailable()
    status, answer = await send(client, body)
    remembered = dict(log.ttls)
    sessions.failure = None

    status_later, _ = await send(client, body)

    assert (503, {}) == (status, remembered)
    assert {
        "statusCode": 503,
        "message": "The result could not be confirmed; retry the request.",
        "code": "unavailable",
        "temporary": True,
    } == answer
    assert (200, 1) == (status_later, len(sessions.revoked))


async def test_nothing_is_revoked_when_the_log_is_down(
    client: Client, sessions: RecordingSessionService, log: _Log
) -> None:
    """Without the log, a webhook could be handled twice."""
    log.failure = Unavailable()

    status, _ = await send(client, event("user.deleted", id="user_alice"))

    assert (503, []) == (status, sessions.revoked)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"svix-signature": "v1,AAAA"}, "webhook_signature"),
        ({"svix-signature": ""}, "webhook_signature"),
        ({"svix-id": "msg_2"}, "webhook_signature"),
        ({"svix-timestamp": "1"}, "webhook_signature"),
    ],
)
async def test_message_is_refused_when_it_is_not_authentic(
    client: Client,
    sessions: RecordingSessionService,
    log: _Log,
    changes: dict[str, str],
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The sender receives the reason. The log has the address, but no text of the request."""
    body = event("user.deleted", id="user_alice")

    with caplog.at_level(logging.DEBUG, logger="app"):
        response = await client.post("/webhooks/clerk", data=body, headers=headers(body) | changes)

    refusal = await response.json()
    assert (400, 400, code) == (response.status, refusal["statusCode"], refusal["code"])
    assert [] == sessions.revoked
    assert {} == log.ttls
    expected = f"webhook refused: {code} {refusal['message']} (from 127.0.0.1, times: 1)"
    assert [expected] == caplog.messages


@pytest.mark.parametrize(
    "data", [{}, {"id": None}, {"id": 5}, {"id": ""}, {"id": "a\0"}, {"id": "a" * 192}]
)
async def test_message_is_refused_when_its_subject_is_none(
    client: Client, sessions: RecordingSessionService, log: _Log, data: dict[str, object]
) -> None:
    """With the status 200 instead of an error, the revocation would be lost."""
    status, refusal = await send(client, event("user.deleted", **data))

    assert 400 == status
    assert {
        "statusCode": 400,
        "message": "data.id of user.deleted must be 1 to 191 printable characters.",
        "code": "webhook_malformed",
    } == refusal
    assert [] == sessions.revoked
    assert {} == log.ttls


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
async def test_body_is_bounded_when_anybody_sends_one(
    client: Client, length: int, status: int
) -> None:
    """The size is checked before the signature is verified."""
    assert status == (await send(client, event("user.created").ljust(length)))[0]


async def test_data_is_not_logged_when_a_message_is_dealt_with(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the webhook's id and type, but no personal data."""
    with caplog.at_level(logging.DEBUG, logger="app"):
        await send(client, event("user.deleted", id="user_alice", email="alice@example.com"))

    assert ["webhook msg_1 handled: user.deleted"] == caplog.messages
