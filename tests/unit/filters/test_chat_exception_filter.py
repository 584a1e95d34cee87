from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.errors import (
    AuthenticationCode,
    AuthenticationError,
    ChatError,
    InvalidPayload,
    NotAMember,
    Unavailable,
)
from app.filters.chat_exception_filter import ChatExceptionFilter
from app.framework import (
    HttpContext,
    HttpResponse,
    WsException,
    WsForbidden,
    WsTooManyRequests,
    WsUnavailable,
)
from app.framework.testing import RecordingLink, fake_connection, fake_context, fake_socket
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock
from tests.unit.sessions import session_of

SECRET = "hush-hush"

DISCONNECTING = ChatExceptionFilter(ManualClock(), refuse_with_connect_error=False)
REFUSING = ChatExceptionFilter(ManualClock(), refuse_with_connect_error=True)

TEMPORARY = [
    *(
        AuthenticationError(code)
        for code in AuthenticationCode
        if AuthenticationError(code).temporary
    ),
    Unavailable(),
    WsUnavailable("Too slow."),
    WsException("This server is about to stop.", code="draining", temporary=True),
]
"""One error of each temporary kind, including the framework's kinds."""


def acked(error: Exception) -> list[Any]:
    """Pass an event's error to the filter, and return the acks that it sends."""
    answers: list[Any] = []
    client = fake_socket(AuthenticatedSocket)
    context = fake_context(client, {"content": SECRET}, ack=answers.append)
    DISCONNECTING.catch(error, context)
    return answers


def refused(error: Exception, exception_filter: ChatExceptionFilter) -> RecordingLink:
    """Return the link of a socket after the filter has rejected its connection with this error."""
    link = RecordingLink()
    client = fake_socket(AuthenticatedSocket, link=link)
    exception_filter.catch(error, fake_connection(client))
    return link


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (
            NotAMember(),
            {
                "error": "You are not a member of this channel.",
                "code": "not_a_member",
                "temporary": False,
            },
        ),
        (
            Unavailable(),
            {
                "error": "The storage is not available now; nothing was done.",
                "code": "unavailable",
                "temporary": True,
            },
        ),
        (
            InvalidPayload("content", "must not be empty"),
            {
                "error": "content: must not be empty",
                "code": "invalid_payload",
                "temporary": False,
                "fields": [{"path": "content", "message": "must not be empty"}],
            },
        ),
        (
            WsTooManyRequests(40),
            {
                "error": "Too many events; try again in 40 ms.",
                "code": "rate_limited",
                "temporary": True,
                "retryAfterMs": 40,
            },
        ),
        (
            RuntimeError(SECRET),
            {"error": "internal error", "code": "internal", "temporary": False},
        ),
    ],
)
def test_filter_answers_the_ack_when_an_event_fails(error: Exception, answer: Any) -> None:
    """Domain errors, framework errors and bugs have the form that docs/protocol.md describes."""
    assert [answer] == acked(error)


def test_filter_tells_message_and_detail_when_an_event_meets_an_expired_session() -> None:
    """The ack has the message that frontends recognise, and a detail for people to read."""
    error = AuthenticationError(AuthenticationCode.TOKEN_EXPIRED)

    assert [
        {
            "error": "authentication failed",
            "code": "token_expired",
            "temporary": False,
            "detail": error.detail,
        }
    ] == acked(error)


def test_filter_emits_nests_exception_when_no_ack_was_asked_for() -> None:
    """The ``exception`` event contains the error code and the client's payload."""
    link = RecordingLink()
    context = fake_context(
        fake_socket(AuthenticatedSocket, link=link), {"channelId": "x"}, pattern="typing"
    )

    DISCONNECTING.catch(NotAMember(), context)

    assert [
        (
            "exception",
            (
                {
                    "status": "error",
                    "message": "You are not a member of this channel.",
                    "code": "not_a_member",
                    "cause": {"pattern": "typing", "data": {"channelId": "x"}},
                },
            ),
        )
    ] == link.emitted


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (AuthenticationCode.TOKEN_MISSING, "authentication required"),
        (AuthenticationCode.TOKEN_EXPIRED, "authentication failed"),
        (AuthenticationCode.REVOKED, "authentication revoked"),
    ],
)
def test_filter_refuses_as_configured_when_authentication_fails(
    code: AuthenticationCode, message: str
) -> None:
    """AUTH_FAILURE_MODE chooses ``connect_error``, or an ``error`` event and a disconnect."""
    error = AuthenticationError(code)

    disconnected, connect_error = refused(error, DISCONNECTING), refused(error, REFUSING)

    notice = {"message": message, "code": code, "detail": error.detail}
    assert ([("error", (notice,))], None) == (disconnected.emitted, disconnected.refusal)
    assert [] == connect_error.emitted
    assert (message.capitalize(), {"code": code, "detail": error.detail}) == connect_error.refusal
    assert (False, False) == (disconnected.connected, connect_error.connected)


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (RuntimeError(SECRET), "internal", "internal error"),
        (WsForbidden(), "forbidden", "Forbidden resource"),
    ],
)
def test_filter_fails_closed_when_something_else_breaks_a_connection(
    error: Exception, code: str, detail: str
) -> None:
    """Any error rejects the connection, but the client never receives the text of a bug."""
    disconnected, connect_error = refused(error, DISCONNECTING), refused(error, REFUSING)

    notice = {"message": "authentication failed", "code": code, "detail": detail}
    assert [("error", (notice,))] == disconnected.emitted
    assert ("Authentication failed", {"code": code, "detail": detail}) == connect_error.refusal
    assert (False, False) == (disconnected.connected, connect_error.connected)


@pytest.mark.parametrize("error", TEMPORARY, ids=lambda error: str(error.code))
def test_filter_closes_the_transport_when_a_refusal_is_temporary(error: Any) -> None:
    """After ``io server disconnect`` instead, the JavaScript client would not reconnect."""
    disconnected, connect_error = refused(error, DISCONNECTING), refused(error, REFUSING)

    ((event, (notice,)),) = disconnected.emitted
    assert ("error", "answered", None) == (
        event,
        disconnected.transport_closed,
        disconnected.refusal,
    )
    assert {
        "message": "authentication failed",
        "code": str(error.code),
        "detail": getattr(error, "detail", str(error)),
        "temporary": True,
        "retryAfterMs": notice["retryAfterMs"],
    } == notice
    assert 1_000 <= notice["retryAfterMs"] < 5_000
    assert ([], "unanswered", None) == (
        connect_error.emitted,
        connect_error.transport_closed,
        connect_error.refusal,
    )


def test_filter_sends_the_limits_own_time_when_it_knows_when_to_come_back() -> None:
    """``retryAfterMs`` is a whole number of milliseconds, rounded up."""
    error = AuthenticationError(AuthenticationCode.TOO_MANY_ATTEMPTS, retry_after_seconds=0.0301)

    ((_, (notice,)),) = refused(error, DISCONNECTING).emitted

    assert 31 == notice["retryAfterMs"]


def test_filter_logs_temporary_refusals_once_a_minute_when_an_address_causes_many() -> None:
    """Clients retry automatically, so one outage can cause thousands of temporary rejections."""
    clock = ManualClock()
    exception_filter = ChatExceptionFilter(clock, refuse_with_connect_error=False)
    error = AuthenticationError(AuthenticationCode.TOO_MANY_ATTEMPTS)

    with capture_logs() as logs:
        for host in range(71):
            client = fake_socket(AuthenticatedSocket, address=f"2001:db8::{host}")
            exception_filter.catch(error, fake_connection(client))
        clock.advance(60)

    warnings = [each for each in logs if each["log_level"] == "warning"]
    assert [1, 70] == [each["times"] for each in warnings]
    assert {("connections refused for now", "2001:db8::/64", "too_many_attempts")} == {
        (each["event"], each["address"], each["code"]) for each in warnings
    }


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (AuthenticationCode.TOO_MANY_ATTEMPTS, "RATE_LIMIT_CONNECTS_PER_MINUTE"),
        (AuthenticationCode.ADDRESS_FULL, "MAX_SOCKETS_PER_ADDRESS"),
        (AuthenticationCode.NODE_FULL, "MAX_SOCKETS"),
    ],
)
def test_filter_logs_the_setting_when_a_limit_refuses_a_client(
    code: AuthenticationCode, setting: str
) -> None:
    exception_filter = ChatExceptionFilter(ManualClock(), refuse_with_connect_error=False)

    with capture_logs() as logs:
        client = fake_socket(AuthenticatedSocket)
        exception_filter.catch(AuthenticationError(code), fake_connection(client))

    (warning,) = (each for each in logs if each["log_level"] == "warning")
    assert setting == warning["hint"].split(" ", 1)[0]


@pytest.mark.parametrize("error", [NotAMember(), WsException("no"), RuntimeError("bug")])
def test_filter_logs_ids_and_no_payload_when_an_event_is_refused(error: ChatError) -> None:
    """The log line names code, event, socket, user and request, but has no payload."""
    client = fake_socket(AuthenticatedSocket)
    client.authenticate(session_of("user_alice", client))

    with capture_logs() as logs:
        DISCONNECTING.catch(error, fake_context(client, {"content": SECRET}, pattern="typing"))

    refusal = logs[-1]
    assert ("event refused", "info", "typing", "socket-1", "user_alice") == (
        refusal["event"],
        refusal["log_level"],
        refusal["pattern"],
        refusal["socket_id"],
        refusal["user_id"],
    )
    assert refusal["request_id"]
    assert SECRET not in str(logs)


def test_filter_logs_the_address_and_no_token_when_a_connection_is_refused() -> None:
    """A rejected connection is logged as a warning, because it may be part of an attack."""
    client = fake_socket(AuthenticatedSocket, auth={"token": SECRET}, address="192.0.2.9")

    with capture_logs() as logs:
        REFUSING.catch(AuthenticationError(AuthenticationCode.REVOKED), fake_connection(client))

    assert [("connection refused", "warning", "192.0.2.9", "revoked", None)] == [
        (each["event"], each["log_level"], each["address"], each["code"], each["user_id"])
        for each in logs
    ]
    assert SECRET not in str(logs)


def test_exception_holds_no_payload_when_the_event_carries_a_secret() -> None:
    """The ``cause`` of a failed ``auth:refresh`` has the event's name, but not the token."""
    link = RecordingLink()
    client = fake_socket(AuthenticatedSocket, link=link)

    DISCONNECTING.catch(
        NotAMember(), fake_context(client, {"token": SECRET}, pattern="auth:refresh")
    )

    ((event, (payload,)),) = link.emitted
    assert ("exception", {"pattern": "auth:refresh"}) == (event, payload["cause"])


def test_log_names_the_claim_when_a_token_is_refused_for_it() -> None:
    """The logged claim is short and printable. The client does not receive it."""
    claims = {"azp": "https://evil.example/\n" + "x" * 200}
    error = AuthenticationError(AuthenticationCode.TOKEN_PARTY, claims=claims)

    with capture_logs() as logs:
        link = refused(error, DISCONNECTING)

    (entry,) = logs
    assert rf"https://evil.example/\x0a{'x' * 78}..." == entry["azp"]
    assert "evil" not in repr(link.emitted)


def test_filter_answers_a_request_when_a_controller_fails() -> None:
    """The filter is global, so it also receives the errors of controllers."""
    response = HttpResponse(200)
    context = HttpContext(None, response, "GET /health", object, acked)

    DISCONNECTING.catch(AuthenticationError(AuthenticationCode.REVOKED), context)

    assert (True, 500) == (response.is_answered, response.status_code)
