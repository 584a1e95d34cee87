import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_serializer

from app.framework import WsException
from app.framework.platform_socketio import json_codec
from tests.deadlines import PROCESS_SECONDS

FINITE = st.floats(allow_nan=False, allow_infinity=False)
LONG = st.integers(min_value=-(2**63), max_value=2**64 - 1)
TEXT = st.text(st.characters())
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | LONG | FINITE | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)

SAMPLES = [
    "null",
    '[true,false,0,-1,1.5,9007199254740991,"",[],{}]',
    '{"b":1,"a":{"c":[null]}}',
    '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f"]',
    '["é","日本","\\u2028\\u2029","\\ud83d\\ude00","<script>"]',
    '["\\ud800","\\udfff"]',
    "[0.1,1e-7,123456.789,-0.5]",
    '["2026-01-01T00:00:00.000Z"]',
]


class _Wire(BaseModel):
    channel_id: str = Field(serialization_alias="channelId")
    at: datetime


class _Answer:
    def to_wire(self) -> Any:
        return {"data": _Wire(channel_id="c", at=datetime(2026, 1, 1, tzinfo=UTC))}


@given(JSON)
def test_value_is_the_same_when_it_was_written_and_read(value: Any) -> None:
    """Strings may contain lone surrogates."""
    assert value == json_codec.loads(json_codec.dumps(value))


@given(JSON)
def test_text_means_the_same_when_python_reads_it(value: Any) -> None:
    """The standard library decodes the text to the same value."""
    assert value == json.loads(json_codec.dumps(value))


@given(JSON)
def test_text_of_the_standard_library_means_the_same_when_read(value: Any) -> None:
    """The text may contain escapes and spaces."""
    assert value == json_codec.loads(json.dumps(value, indent=1))


def test_bytes_are_nodes_when_written() -> None:
    """Node's ``JSON.stringify`` writes the same text."""
    script = (
        "const again = text => JSON.stringify(JSON.parse(text));"
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(again)))"
    )
    answer = subprocess.run(  # noqa: S603 - the command is a constant
        ["node", "-e", script, json.dumps(SAMPLES)],  # noqa: S607 - Node is found by PATH
        capture_output=True,
        check=True,
        timeout=PROCESS_SECONDS,
    )

    assert json.loads(answer.stdout) == [
        json_codec.dumps(json_codec.loads(text)) for text in SAMPLES
    ]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z"),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T22:00:00.000Z"),
    ],
)
def test_datetime_is_written_as_by_node_when_it_is_aware(moment: datetime, expected: str) -> None:
    """A date is written in UTC, with milliseconds and ``Z``."""
    assert f'"{expected}"' == json_codec.dumps(moment)


class _Times(BaseModel):
    times: list[datetime]
    by_name: dict[str, datetime | None]
    own: datetime

    @field_serializer("own")
    def _write_own(self, own: datetime) -> str:
        return f"{own:%d.%m.%Y}"


def test_datetimes_of_models_are_written_as_by_node_unless_the_model_has_a_serializer() -> None:
    """Clients that compare dates as texts need the same form in every field."""
    berlin, utc = timezone(timedelta(hours=1)), datetime(2026, 1, 2, tzinfo=UTC)
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, berlin)
    model = _Times(times=[utc, moment], by_name={"none": None, "one": moment}, own=utc)

    assert {
        "times": ["2026-01-02T00:00:00.000Z", "2026-01-02T02:04:05.678Z"],
        "by_name": {"none": None, "one": "2026-01-02T02:04:05.678Z"},
        "own": "02.01.2026",
    } == json_codec.loads(json_codec.dumps(model))


def test_datetime_is_refused_when_it_has_no_time_zone() -> None:
    """The meaning of a time without a zone would depend on the machine's time zone."""
    with pytest.raises(TypeError, match="2026-01-02 00:00:00 has no time zone"):
        json_codec.dumps({"at": datetime(2026, 1, 2)})  # noqa: DTZ001 - the fault


class _Zoned(BaseModel):
    at: datetime

    @field_serializer("at")
    def _in_utc(self, at: datetime) -> str:
        return at.isoformat() + "Z"


def test_datetime_of_a_model_needs_a_time_zone_unless_the_model_adds_it() -> None:
    """The client would take a text without a time zone for its own local time."""
    naive = datetime(2026, 1, 2)  # noqa: DTZ001 - the fault

    with pytest.raises(TypeError, match="has no time zone"):
        json_codec.dumps([_Wire(channel_id="c", at=naive)])
    assert '{"at":"2026-01-02T00:00:00Z"}' == json_codec.dumps(_Zoned(at=naive))


@dataclass(frozen=True, slots=True)
class _Point:
    x: int
    at: datetime | None = None


class _Inner(BaseModel):
    note: str | None = None
    kind: str = "inner"


class _Outer(BaseModel):
    reply_to: str | None = Field(None, serialization_alias="replyTo")
    room: str | None = None
    inner: _Inner = Field(default_factory=_Inner)
    many: list[_Inner] = []
    by_name: dict[str, _Inner] = {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (_Point(1), '{"x":1,"at":null}'),
        (
            [_Point(1, datetime(2026, 1, 2, tzinfo=UTC))],
            '[{"x":1,"at":"2026-01-02T00:00:00.000Z"}]',
        ),
        ({1}, "[1]"),
        (frozenset({"a"}), '["a"]'),
        (Decimal("1.10"), '"1.10"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (
            WsException("no", code="refused"),
            '{"error":"no","message":"no","code":"refused","temporary":false}',
        ),
    ],
)
def test_value_has_the_form_that_a_client_expects(value: object, text: str) -> None:
    """Types that JavaScript lacks are written in the form that is usual in Node's libraries."""
    assert text == json_codec.dumps(value)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (_Outer(), '{"inner":{"kind":"inner"},"many":[],"by_name":{}}'),
        (
            _Outer(reply_to=None, room="r", inner=_Inner(note=None)),
            '{"replyTo":null,"room":"r","inner":{"note":null,"kind":"inner"},"many":[],"by_name":{}}',
        ),
        (
            _Outer(many=[_Inner(), _Inner(note="n")], by_name={"a": _Inner()}),
            '{"inner":{"kind":"inner"},"many":[{"kind":"inner"},{"note":"n","kind":"inner"}],"by_name":{"a":{"kind":"inner"}}}',
        ),
    ],
)
def test_field_of_a_model_is_left_out_when_it_is_none_and_was_not_set(
    model: BaseModel, text: str
) -> None:
    """Like ``undefined`` in ``JSON.stringify``, a default of None is omitted; others are sent."""
    assert text == json_codec.dumps(model)


def test_model_goes_by_alias_when_an_answer_holds_one() -> None:
    """Nested models are written with their aliases."""
    text = json_codec.dumps([_Answer()])

    assert "channelId" in text
    assert "channel_id" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        '["\\ud800",1e999]',
        "01",
        "1.",
        ".5",
        "'a'",
        '"\t"',
        '"\\x41"',
        "[1,]",
        "[1][2]",
        '{"a":1,}',
        "{a:1}",
        "9" * 5000,
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        '{"a":' * 100_000,
        '["' + "[" * 100 + '"' + "[" * 100,
        '["\\"' + "[" * 100 + '", ' + "[" * 100,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_text_is_refused_when_it_is_no_json_or_too_much(text: str) -> None:
    """Invalid text raises ValueError instead of RecursionError or MemoryError."""
    with pytest.raises(ValueError, match=r".+"):
        json_codec.loads(text)


def test_text_is_read_when_nested_as_deep_as_allowed() -> None:
    """Brackets inside strings do not count as nesting."""
    text = "[" * 64 + '"[[[[[\\"{{{{\\\\"' + "]" * 64

    value = json_codec.loads(text)

    for _ in range(64):
        (value,) = value
    assert '[[[[["{{{{\\' == value


def test_value_is_refused_when_it_has_no_json_form() -> None:
    """The error names only the type, because the value must not appear in the log."""
    with pytest.raises(TypeError, match="Secret has no JSON form") as caught:
        json_codec.dumps({"a": _secret()})

    assert "hush" not in str(caught.value)


def _secret() -> object:
    class Secret:
        def __repr__(self) -> str:
            return "hush"

    return Secret()
