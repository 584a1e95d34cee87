from time import thread_time

import pytest
from structlog.typing import EventDict

from app.observability.redaction import REDACTED, redact, redact_text

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyX2FkYSJ9.c2lnbmF0dXJl"


def _redact(**fields: object) -> EventDict:
    return dict(redact(None, "info", {"event": "happened", **fields}))


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "accessToken",
        "tokens",
        "AUTHORIZATION",
        "auth",
        "content",
        "password",
        "signing_secret",
        "CLERK_JWT_KEY",
        "JWTKey",
        "api-key",
        "cookie",
    ],
)
def test_redact_hides_the_value_when_a_word_of_its_key_names_a_secret(key: str) -> None:
    """Every spelling of the key is recognised."""
    logged = _redact(**{key: "hunter2"})

    assert {"event": "happened", key: REDACTED} == logged


@pytest.mark.parametrize("key", ["author", "user_id", "monkey", "code"])
def test_redact_keeps_the_value_when_the_key_only_resembles_a_secret(key: str) -> None:
    """Ids and codes are not redacted."""
    logged = _redact(**{key: "user_ada"})

    assert {"event": "happened", key: "user_ada"} == logged


def test_redact_reaches_secrets_when_they_are_nested() -> None:
    """Mappings and sequences are searched at every level."""
    logged = _redact(handshake={"auth": {"token": TOKEN}, "seen": [{"jwt": 1}, (TOKEN,)]})

    assert {"auth": REDACTED, "seen": [{"jwt": REDACTED}, [REDACTED]]} == logged["handshake"]


def test_redact_leaves_out_what_is_nested_too_deep() -> None:
    """Values below six levels of nesting are omitted."""
    bottomless: dict[str, object] = {}
    bottomless["down"] = bottomless

    logged = _redact(payload=bottomless)

    assert 6 == str(logged).count("'down'")


def test_redact_searches_the_text_of_objects() -> None:
    """The text of an exception is redacted."""
    logged = _redact(error=ValueError(f"cannot decode {TOKEN}"))

    assert f"cannot decode {REDACTED}" == logged["error"]


@pytest.mark.parametrize("value", [None, True, 7, 1.5])
def test_redact_keeps_plain_values_as_they_are(value: object) -> None:
    assert value is _redact(value=value)["value"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"refused {TOKEN}", f"refused {REDACTED}"),
        (f"b'{TOKEN}', {TOKEN}.", f"b'{REDACTED}', {REDACTED}."),
        (f"GET /?token={TOKEN}&a=1", f"GET /?token={REDACTED}&a=1"),
        ("Authorization: Bearer abc123==", f"Authorization: Bearer {REDACTED}"),
        ("sent without the 'Bearer ' prefix", "sent without the 'Bearer ' prefix"),
        ("redis://:hunter2@127.0.0.1", f"redis://:{REDACTED}@127.0.0.1"),
        ("postgresql://ada:hunter2@db/chat", f"postgresql://ada:{REDACTED}@db/chat"),
        ("http://127.0.0.1:3002/health", "http://127.0.0.1:3002/health"),
        (
            "[SQL: INSERT]\n[parameters: ('a secret', [1])]\n(Background)",
            f"[SQL: INSERT]\n[parameters: {REDACTED}]\n(Background)",
        ),
        (
            "bad [type=str, input_value='a secret', input_type=str]\nnext",
            f"bad [type=str, input_value={REDACTED}]\nnext",
        ),
    ],
)
def test_redact_text_takes_out_what_looks_like_a_secret(text: str, expected: str) -> None:
    """Only the secret is replaced; the rest of the sentence stays."""
    assert expected == redact_text(text)


@pytest.mark.parametrize("beginning", ["eyJ", "eyJa.", "bearer ", "://a:", "input_value="])
def test_redact_text_stays_fast_when_a_text_is_made_to_slow_it(beginning: str) -> None:
    """A long text with many incomplete secrets does not block the event loop."""
    text = beginning * (65_536 // len(beginning))
    began = thread_time()

    redacted = redact_text(text)

    assert redacted
    assert thread_time() - began < 1.0
