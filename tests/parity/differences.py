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
    "a middleware refuses": (_own_room_is_first("one"),),
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
            nest=[["one", "ack 2 of set", {}]],
            here=[["one", "ack 2 of set", [1]]],
        ),
        Difference(
            "a returned `WsException` (`{error, message, code, temporary}`).",
            nest=[["one", "ack 4 of return an error", {"error": "no", "message": "no"}]],
            here=[
                [
                    "one",
                    "ack 4 of return an error",
                    {"error": "no", "message": "no", "code": "error", "temporary": False},
                ]
            ],
        ),
    ),
    "unexpected errors": (
        Difference(
            "An unexpected error is sent as `internal error` with the code `internal`.",
            nest=[
                [
                    "one",
                    "exception",
                    {
                        "status": "error",
                        "message": "Internal server error",
                        "cause": {"pattern": "throw unknown", "data": 1},
                    },
                ]
            ],
            here=[
                [
                    "one",
                    "exception",
                    {
                        "status": "error",
                        "message": "internal error",
                        "cause": {"pattern": "throw unknown", "data": 1},
                    },
                ]
            ],
        ),
    ),
    "errors with an ack": (
        Difference(
            "If the client waits for an ack, the error is sent only in the ack. Nest never calls "
            "the ack after an error.",
            nest=[
                [
                    "one",
                    "exception",
                    {
                        "status": "error",
                        "message": "no",
                        "cause": {"pattern": "throw", "data": 1},
                    },
                ],
                ["one", "exception", {"reason": "no"}],
            ],
            here=[
                ["one", "ack 1 of throw", {"error": "no", "code": "error", "temporary": False}],
                ["one", "ack 2 of throw an object", {"reason": "no"}],
            ],
        ),
    ),
    "events that no gateway handles": (
        Difference(
            "If the guards accept an unknown event, the answer is `unknown_event` with the most "
            "similar known name. Nest does not answer unknown events.",
            here=[
                [
                    "one",
                    "exception",
                    {
                        "status": "error",
                        "message": "There is no such event. Did you mean 'object with event'?",
                        "cause": {"pattern": "no such event", "data": 1},
                    },
                ]
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
