"""Tests requests that the channels controller rejects (app/controllers/channels_controller.py)."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from app.controllers.requests.backend_key import MAX_BODY_BYTES
from app.domain.errors import (
    ChannelExists,
    ChannelInUse,
    ChannelNotFound,
    ChatError,
    Unavailable,
    Unconfirmed,
    UserNotFound,
)
from app.domain.ids import UserId
from tests.unit.controllers.changing import (
    AUTHORIZED,
    SMALLEST,
    RecordingChannelService,
    serving_channels,
)
from tests.unit.controllers.revoking import Client

EVERYTHING = [
    ("POST", "/channels"),
    ("DELETE", "/channels/c"),
    ("PUT", "/channels/c/members/u"),
    ("DELETE", "/channels/c/members/u"),
]
UNCONFIRMED = "The result could not be confirmed; retry the request."


@pytest.fixture
def channels() -> RecordingChannelService:
    return RecordingChannelService()


@pytest.fixture
async def client(channels: RecordingChannelService) -> AsyncIterator[Client]:
    async with serving_channels(channels) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ("", "", "Invalid JSON"),
        ("[]", "", "Input should be an object"),
        ({"name": "News"}, "createdById", "Field required"),
        ({"createdById": "u"}, "name", "Field required"),
        ({**SMALLEST, "name": ""}, "name", "String should have at least 1"),
        ({**SMALLEST, "name": " \t\u2003"}, "name", "String should have at least 1"),
        ({**SMALLEST, "name": "\u200b\u3164"}, "name", "must have a visible character"),
        ({**SMALLEST, "name": "n" * 192}, "name", "String should have at most 191"),
        ({**SMALLEST, "name": "a\0"}, "name", "must not contain NUL"),
        ({**SMALLEST, "id": "i" * 192}, "id", "must be 1 to 191 printable characters"),
        ({**SMALLEST, "id": "."}, "id", "must not be . or .."),
        ({**SMALLEST, "id": ".."}, "id", "must not be . or .."),
        ({**SMALLEST, "type": "SECRET"}, "type", "Input should be 'PUBLIC'"),
        ({**SMALLEST, "description": "a\0"}, "description", "must not contain NUL"),
        ({**SMALLEST, "description": "d" * 4001}, "description", "String should have at most 4000"),
        ({**SMALLEST, "memberIds": "bob"}, "memberIds", "Input should be a valid"),
        ({**SMALLEST, "memberIds": ["b", ""]}, "memberIds.1", "must be 1 to 191 printable"),
        ({**SMALLEST, "members": ["b"]}, "", "there are no other fields"),
    ],
)
async def test_nothing_is_created_when_the_body_is_malformed(
    client: Client,
    channels: RecordingChannelService,
    body: str | dict[str, object],
    path: str,
    message: str,
) -> None:
    """The response names the invalid field, and describes a valid body."""
    sent: dict[str, Any] = {"data": body} if isinstance(body, str) else {"json": body}

    response = await client.post("/channels", headers=AUTHORIZED, **sent)

    refusal = await response.json()
    (fault,) = refusal["fields"]
    assert (400, "invalid_payload") == (response.status, refusal["code"])
    assert (
        "Send name and createdById, and if needed id, description, type, memberIds, as JSON."
    ) == refusal["message"]
    assert path == fault["path"]
    assert fault["message"].startswith(message)
    assert [] == channels.created


@pytest.mark.parametrize("body", ["[]", '{"role": "GUEST"}', '{"roles": "ADMIN"}', "no json"])
async def test_nobody_is_added_when_the_role_is_none(
    client: Client, channels: RecordingChannelService, body: str
) -> None:
    """A misspelt role is an error instead of being ignored."""
    response = await client.put("/channels/c/members/u", data=body, headers=AUTHORIZED)

    answer = await response.json()
    assert (400, "invalid_payload") == (response.status, answer["code"])
    assert "Send role as JSON, or no body." == answer["message"]
    assert [] == channels.calls


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("DELETE", "/channels/a%00", "channelId"),
        ("PUT", f"/channels/{'c' * 192}/members/u", "channelId"),
        ("DELETE", "/channels/c/members/%0A", "userId"),
    ],
)
async def test_path_is_refused_when_it_names_what_cannot_be(
    client: Client, channels: RecordingChannelService, method: str, path: str, field: str
) -> None:
    response = await client.request(method, URL(path, encoded=True), headers=AUTHORIZED)

    assert 400 == response.status
    assert {
        "statusCode": 400,
        "message": "The path contains an invalid id.",
        "code": "invalid_payload",
        "fields": [{"path": field, "message": "must be 1 to 191 printable characters"}],
    } == await response.json()
    assert [] == channels.calls


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_nothing_is_changed_when_the_key_is_not_right(
    client: Client,
    channels: RecordingChannelService,
    method: str,
    path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The key is checked before the rest of the request is read."""
    headers = {"Authorization": "Bearer guessed"}

    with caplog.at_level(logging.DEBUG, logger="app"):
        response = await client.request(method, path, data="no json", headers=headers)

    assert (401, "Bearer") == (response.status, response.headers["WWW-Authenticate"])
    assert "unauthorized" == (await response.json())["code"]
    assert ([], []) == (channels.created, channels.calls)
    assert ["change of a channel refused: without the service key (from 127.0.0.1, times: 1)"] == (
        caplog.messages
    )


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize(
    ("failure", "status", "code", "message"),
    [
        (ChannelNotFound(), 404, "channel_not_found", "There is no such channel."),
        (UserNotFound(UserId("u")), 404, "user_not_found", "There is no such user: u."),
        (ChannelExists(), 409, "channel_exists", "There is a channel with this id already."),
        (
            ChannelInUse("drafts"),
            409,
            "channel_in_use",
            "The table drafts refers to this channel; nothing was deleted.",
        ),
        (
            Unavailable(),
            503,
            "unavailable",
            "The result could not be confirmed; retry the request.",
        ),
        (
            Unconfirmed(),
            503,
            "unavailable",
            "The result could not be confirmed; retry the request.",
        ),
    ],
    ids=["channel", "user", "exists", "in use", "unavailable", "unconfirmed"],
)
async def test_caller_is_told_why_when_the_change_cannot_be_made(
    client: Client,
    channels: RecordingChannelService,
    method: str,
    path: str,
    failure: ChatError,
    status: int,
    code: str,
    message: str,
) -> None:
    """The response has the error's code, message and HTTP status."""
    channels.failure = failure
    body = SMALLEST if method == "POST" else None

    response = await client.request(method, path, json=body, headers=AUTHORIZED)

    refusal = await response.json()
    assert (status, status, code, message) == (
        response.status,
        refusal["statusCode"],
        refusal["code"],
        refusal["message"],
    )


async def test_body_is_bounded_when_the_key_is_right(client: Client) -> None:
    """The server reads at most 64 KiB of a body."""
    body = " " * (MAX_BODY_BYTES + 1)

    response = await client.post("/channels", data=body, headers=AUTHORIZED)

    assert (413, "too_large") == (response.status, (await response.json())["code"])
