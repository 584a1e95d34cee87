import json
import logging
from collections.abc import AsyncIterator

import pytest

from app.controllers.requests.backend_key import MAX_BODY_BYTES, BackendKeyGuard
from app.controllers.sessions_controller import SessionsController
from app.domain.credential import RevocationKind
from app.domain.errors import AuthenticationCode, AuthenticationError, Unavailable
from tests.unit.controllers.revoking import Client, RecordingSessionService, refusal_log, serving

KEY = "a service key, sehr gëheim"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
SECRET = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"


@pytest.fixture
def sessions() -> RecordingSessionService:
    return RecordingSessionService()


@pytest.fixture
async def client(sessions: RecordingSessionService) -> AsyncIterator[Client]:
    guard = BackendKeyGuard(KEY, refusal_log())
    async with serving(SessionsController(sessions), guard) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        ({"userId": "user_alice"}, RevocationKind.USER, "user_alice"),
        ({"sessionId": "sess_1"}, RevocationKind.SESSION, "sess_1"),
        ({"token": SECRET}, RevocationKind.TOKEN, SECRET),
        ({"token": "t" * 8_192}, RevocationKind.TOKEN, "t" * 8_192),
        ({"userId": "user_alice", "sessionId": None}, RevocationKind.USER, "user_alice"),
    ],
)
async def test_what_is_named_is_revoked_when_the_key_is_right(
    client: Client,
    sessions: RecordingSessionService,
    body: dict[str, object],
    kind: RevocationKind,
    value: str,
) -> None:
    """The response has the kind of the revocation, and the time at which it ends."""
    response = await client.post("/sessions/revoke", json=body, headers=AUTHORIZED)

    assert 200 == response.status
    assert {"revoked": kind, "until": "2026-01-31T09:30:00.123Z"} == await response.json()
    assert [(kind, value)] == sessions.revoked


async def test_scheme_is_understood_when_it_is_spelt_otherwise(client: Client) -> None:
    """The authorization scheme is case-insensitive (RFC 9110, 11.1)."""
    headers = {"Authorization": f"bearer {KEY}"}

    response = await client.post("/sessions/revoke", json={"userId": "u"}, headers=headers)

    assert 200 == response.status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Bearer  {KEY}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer ключ"},
        {"X-Service-Key": KEY},
    ],
)
async def test_nothing_is_revoked_when_the_key_is_not_right(
    client: Client,
    sessions: RecordingSessionService,
    headers: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the client's address, but no text of the request."""
    with caplog.at_level(logging.DEBUG, logger="app"):
        response = await client.post("/sessions/revoke", data="no json", headers=headers)

    assert 401 == response.status
    assert "Bearer" == response.headers["WWW-Authenticate"]
    assert {
        "statusCode": 401,
        "message": "Authorization must be Bearer and the service key.",
        "code": "unauthorized",
    } == await response.json()
    assert [] == sessions.revoked
    expected = "revocation refused: without the service key (from 127.0.0.1, times: 1)"
    assert [expected] == caplog.messages


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ("", "", "Invalid JSON"),
        ("no json", "", "Invalid JSON"),
        ("[]", "", "Input should be an object"),
        ("{}", "", "exactly one must be given"),
        ('{"userId": null}', "", "exactly one must be given"),
        ('{"userId": "a", "sessionId": "b"}', "", "exactly one must be given"),
        ('{"user_id": "a"}', "", "there are no other fields"),
        ('{"userId": "a", "session_id": "b"}', "", "there are no other fields"),
        ('{"userId": "a", "reason": "left"}', "", "there are no other fields"),
        ('{"userId": 5}', "userId", "Input should be a valid string"),
        ('{"userId": ""}', "userId", "must be 1 to 191 printable characters"),
        ('{"userId": "a\\u0000"}', "userId", "must be 1 to 191 printable characters"),
        ('{"sessionId": "%s"}' % ("s" * 192), "sessionId", "must be 1 to 191 printable characters"),
        ('{"token": ""}', "token", "String should have at least 1 character"),
    ],
)
async def test_nothing_is_revoked_when_the_body_is_malformed(
    client: Client, sessions: RecordingSessionService, body: str, path: str, message: str
) -> None:
    """The response names the invalid field, and describes a valid body."""
    response = await client.post("/sessions/revoke", data=body, headers=AUTHORIZED)

    refusal = await response.json()
    (fault,) = refusal["fields"]
    assert (400, 400, "invalid_payload") == (
        response.status,
        refusal["statusCode"],
        refusal["code"],
    )
    assert "Send one of userId, sessionId and token as JSON." == refusal["message"]
    assert path == fault["path"]
    assert fault["message"].startswith(message)
    assert [] == sessions.revoked


async def test_refusal_names_the_token_when_it_is_none(
    client: Client, sessions: RecordingSessionService
) -> None:
    """Without an error, the caller would assume that the intended token is revoked."""
    sessions.failure = AuthenticationError(AuthenticationCode.TOKEN_MALFORMED)

    response = await client.post("/sessions/revoke", json={"token": "foo"}, headers=AUTHORIZED)

    assert 400 == response.status
    assert {
        "statusCode": 400,
        "message": "That is no session token; nothing was revoked.",
        "code": "token_malformed",
        "fields": [{"path": "token", "message": "is no session token"}],
    } == await response.json()


async def test_caller_is_told_to_come_again_when_the_store_is_down(
    client: Client, sessions: RecordingSessionService
) -> None:
    """The revocation may already be stored, so the caller may repeat the request."""
    sessions.failure = Unavailable()

    response = await client.post("/sessions/revoke", json={"userId": "u"}, headers=AUTHORIZED)

    assert 503 == response.status
    assert {
        "statusCode": 503,
        "message": "The result could not be confirmed; retry the request.",
        "code": "unavailable",
        "temporary": True,
    } == await response.json()


@pytest.mark.parametrize("missing", [0, 1])
async def test_body_is_bounded_when_the_key_is_right(
    client: Client, sessions: RecordingSessionService, missing: int
) -> None:
    """The server reads at most 64 KiB of a body."""
    body = json.dumps({"userId": "u"}).ljust(MAX_BODY_BYTES + 1 - missing)

    response = await client.post("/sessions/revoke", data=body, headers=AUTHORIZED)

    assert [413, 200][missing] == response.status
    assert missing == len(sessions.revoked)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"token": SECRET, "userId": "u"}),
        json.dumps({"userId": f"\0{SECRET}"}),
        json.dumps({"userId": [SECRET]}),
        f'{{"token": "{SECRET}"',
        f'{{"token": {SECRET}}}',
        json.dumps({SECRET: SECRET}),
    ],
)
async def test_token_is_not_repeated_when_the_body_is_refused(
    client: Client, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer and the log do not contain the token."""
    with caplog.at_level(logging.DEBUG):
        response = await client.post("/sessions/revoke", data=body, headers=AUTHORIZED)

    assert 400 == response.status
    assert SECRET not in await response.text()
    assert SECRET not in caplog.text
