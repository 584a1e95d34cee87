"""The lines of transcripts that differ from Nest on purpose."""

from dataclasses import dataclass, field

from tests.parity.peer import Line


@dataclass(frozen=True, slots=True)
class Difference:
    """Adjacent lines that differ.

    Attributes:
        sentence: The sentence of ``docs/migrating.md`` that describes the difference.
        nest: The lines of Nest's transcript.
        here: The lines of the transcript of ``gateways.py``.
    """

    sentence: str
    nest: list[Line] = field(default_factory=list)
    here: list[Line] = field(default_factory=list)


EXCEPTION_CODES = "Nest's `exception` payload is kept, with an additional `code`."
"""Applies to all scripts, so the test removes the code."""


def _exception(name: str, message: str, pattern: str, *data: object) -> Line:
    cause = {"pattern": pattern} | ({"data": data[0]} if data else {})
    return [name, "exception", {"status": "error", "message": message, "cause": cause}]


def _moved_up(sentence: str, line: Line) -> tuple[Difference, Difference]:
    """Return the differences if a line comes earlier than in Nest."""
    return Difference(sentence, here=[line]), Difference(sentence, nest=[line])


def _own_room_is_first(name: str) -> Difference:
    own = f"(id 1 of {name})"
    return Difference(
        "The socket is already in the room of its id when a middleware runs.",
        nest=[[name, "told", "sesame", ["checked", own]]],
        here=[[name, "told", "sesame", [own, "checked"]]],
    )


_LISTENERS_RUN_LATER = (
    "It runs after the gateway's handler of the event, and a listener of `disconnect` runs after "
    "`handle_disconnect`."
)
_OWN_ROOM_STAYS = "A socket cannot leave the room of its own id."

DIFFERENCES = {
    "rooms whose name is not a string": (
        Difference(
            "The name of a room is a string: a number raises a TypeError.",
            here=[_exception("one", "internal error", "join", 5)],
        ),
    ),
    "leave the room of the own id": (
        Difference(
            _OWN_ROOM_STAYS,
            nest=[["one", "ack 1 of leave", []]],
            here=[["one", "ack 1 of leave", ["(id 1 of one)"]]],
        ),
        Difference(_OWN_ROOM_STAYS, here=[["one", "told", "server.to", "(id 1 of one)"]]),
    ),
    "a listener of an event that the gateway handles": _moved_up(
        _LISTENERS_RUN_LATER, ["one", "told", "the gateway", 1]
    ),
    "a listener of disconnect besides handleDisconnect": _moved_up(
        _LISTENERS_RUN_LATER,
        ["one", "told", "handleDisconnect", "client namespace disconnect", [], False],
    ),
    "a client that is disconnected while it connects": (
        Difference(
            "A refused socket receives no broadcast.",
            nest=[["two", "told", "lobby", "two"], ["two", "told", "everybody", "two"]],
        ),
    ),
    "a middleware refuses": (_own_room_is_first("one"), _own_room_is_first("four")),
    "a page of another origin": (
        Difference(
            "A request with an `Origin` that is neither configured nor the server's own is "
            "answered with 403.",
            nest=[["one", "connect"]],
            here=[["one", "connect_error", "websocket error", "(undefined)"]],
        ),
    ),
    "disconnecting sockets ends all namespaces of their connections": (_own_room_is_first("two"),),
    "a client that begins with polling": (
        Difference(
            "A client that starts with polling, or has version 2 of socket.io-client (`allowEIO3` "
            "in Node), is refused with 400",
            nest=[["one", "connect"]],
            here=[["one", "connect_error", "xhr poll error", "(undefined)"]],
        ),
    ),
    "a regular expression that matches a part of the name": (
        Difference(
            'regular expression, `re.compile(r"/room-\\d+")`, which must match the whole name,',
            nest=[["one", "connect"], ["two", "connect"]],
            here=[
                ["one", "connect_error", "Invalid namespace", "(undefined)"],
                ["two", "connect_error", "Invalid namespace", "(undefined)"],
            ],
        ),
    ),
    "the guards of a gateway's class": (
        Difference(
            "The guards of the application and of the gateway class also run when a socket "
            "connects; in Nest they run only for events.",
            nest=[
                ["two", "told", "welcome"],
                _exception("two", "Forbidden resource", "enter"),
            ],
            here=[
                _exception("two", "Forbidden resource", "handleConnection"),
                ["two", "disconnect", "io server disconnect"],
            ],
        ),
    ),
    "several namespaces on one connection": (_own_room_is_first("two"),),
    "closing a connection ends all its namespaces": (_own_room_is_first("two"),),
    "namespaces by regular expression": (
        Difference(
            "the client receives `connect_error` with the exception's code as `data.code`.",
            nest=[["six", "connect_error", "banned", "(undefined)"]],
            here=[["six", "connect_error", "banned", {"code": "error"}]],
        ),
    ),
    "events before the end of handleConnection": _moved_up(
        "`handle_connection` is awaited before any event of the socket is handled.",
        ["one", "told", "handleConnection ends"],
    ),
    "events during another event": _moved_up(
        "The events of one socket are handled one after the other, in order; Nest handles them "
        "concurrently.",
        ["one", "told", "slow ends", 1],
    ),
    "defaults of parameters": (
        Difference(
            "A field that is `null` counts as missing.",
            nest=[["one", "ack 5 of default of a field", [None]]],
            here=[["one", "ack 5 of default of a field", ["default"]]],
        ),
    ),
    "objects as acks": (
        Difference(
            "An ack or payload may be a dataclass, a pydantic model, a set (an array),",
            nest=[["one", "ack 3 of set", {}]],
            here=[["one", "ack 3 of set", [1]]],
        ),
        Difference(
            "a returned `WsException` (`{error, message, code, temporary}`).",
            nest=[["one", "ack 5 of return an error", {"error": "no", "message": "no"}]],
            here=[
                [
                    "one",
                    "ack 5 of return an error",
                    {"error": "no", "message": "no", "code": "error", "temporary": False},
                ]
            ],
        ),
    ),
    "unexpected errors": (
        Difference(
            "An unexpected error is sent as `internal error` with the code `internal`.",
            nest=[_exception("one", "Internal server error", "throw unknown", 1)],
            here=[_exception("one", "internal error", "throw unknown", 1)],
        ),
    ),
    "errors with an ack": (
        Difference(
            "If the client waits for an ack, the error is sent only in the ack. Nest never calls "
            "the ack after an error.",
            nest=[
                _exception("one", "no", "throw", 1),
                ["one", "exception", {"reason": "no"}],
            ],
            here=[
                ["one", "ack 1 of throw", {"error": "no", "code": "error", "temporary": False}],
                ["one", "ack 2 of throw an object", {"reason": "no"}],
            ],
        ),
    ),
    "arguments of events": (
        Difference(
            "Its `cause` has no `data` if the payload is null.",
            nest=[_exception("one", "no", "throw", None)] * 2,
            here=[_exception("one", "no", "throw")] * 2,
        ),
    ),
    "events that no gateway handles": (
        Difference(
            "If the guards accept an unknown event, the answer is `unknown_event` with the most "
            "similar known name. Nest does not answer unknown events.",
            here=[
                _exception(
                    "one",
                    "There is no such event. Did you mean 'object with event'?",
                    "no such event",
                    1,
                )
            ],
        ),
    ),
    "pipes and parameter decorators": (
        Difference(
            "An invalid payload is answered with `invalid_payload` and `fields`, instead of Nest's "
            '"Internal server error".',
            nest=[
                [
                    "one",
                    "caught",
                    "Validation failed (numeric string is expected)",
                    {"n": "five"},
                ]
            ],
            here=[
                [
                    "one",
                    "caught",
                    "n: Validation failed (numeric string is expected)",
                    {"n": "five"},
                ]
            ],
        ),
    ),
}
