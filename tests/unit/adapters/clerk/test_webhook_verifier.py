import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.clerk.webhook_verifier import ClerkWebhookVerifier, WebhookSecretError
from app.ports import WebhookFault, WebhookMessage, WebhookRefused
from tests.unit.adapters.clerk.signed_webhooks import SECRET, headers

BODY = json.dumps(
    {"type": "user.deleted", "data": {"id": "user_alice"}, "object": "event"}
).encode()
MESSAGE = WebhookMessage("msg_1", "user.deleted", {"id": "user_alice"})
OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXNvbWVib2R5"


def refusal_of(signed: dict[str, str], body: bytes = BODY) -> WebhookRefused:
    """Check that the verifier rejects the webhook, and return the error."""
    with pytest.raises(WebhookRefused) as caught:
        ClerkWebhookVerifier(SECRET).verify(signed, body)
    return caught.value


@pytest.mark.parametrize("prefix", ["svix", "webhook", "Svix", "WEBHOOK"])
def test_message_is_read_when_its_signature_is_right(prefix: str) -> None:
    """The headers may have Svix's names or the standard names."""
    message = ClerkWebhookVerifier(SECRET).verify(headers(BODY, prefix=prefix), BODY)

    assert MESSAGE == message


def test_message_is_read_when_one_of_several_signatures_is_right() -> None:
    """While a secret is being changed, a webhook has several signatures."""
    signed = headers(BODY)
    signed["svix-signature"] = f"v1,AAAA v2,AAAA {signed['svix-signature']}"

    assert MESSAGE == ClerkWebhookVerifier(SECRET).verify(signed, BODY)


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), f"{OTHER_SECRET}=="])
def test_secret_is_understood_when_it_is_spelt_otherwise(secret: str) -> None:
    signed = headers(BODY, secret=secret.rstrip("="))

    assert MESSAGE == ClerkWebhookVerifier(secret).verify(signed, BODY)


@pytest.mark.parametrize("secret", ["whsec_abcde", "whsec_url-safe_base64", "whsec_ähem"])
def test_secret_is_refused_when_it_is_no_base64(secret: str) -> None:
    """The server does not start with a malformed secret, because no webhook could be verified."""
    with pytest.raises(WebhookSecretError, match="copy it from Clerk's dashboard") as caught:
        ClerkWebhookVerifier(secret)

    assert secret.removeprefix("whsec_") not in str(caught.value)


@pytest.mark.parametrize(("age_seconds", "word"), [(302, "too old"), (-302, "too new")])
def test_message_is_refused_when_it_is_not_of_these_five_minutes(
    age_seconds: int, word: str
) -> None:
    """An old webhook cannot be replayed. The error says whether its time is too old or too new."""
    refused = refusal_of(headers(BODY, age_seconds=age_seconds))

    assert WebhookFault.SIGNATURE == refused.code
    assert word in str(refused)


@pytest.mark.parametrize("age_seconds", [290, -290])
def test_message_is_read_when_it_is_of_these_five_minutes(age_seconds: int) -> None:
    """The verifier tolerates clock differences and network delays of up to five minutes."""
    signed = headers(BODY, age_seconds=age_seconds)

    assert MESSAGE == ClerkWebhookVerifier(SECRET).verify(signed, BODY)


def test_message_is_refused_when_another_secret_signed_it() -> None:
    assert WebhookFault.SIGNATURE == refusal_of(headers(BODY, secret=OTHER_SECRET)).code


@pytest.mark.parametrize("missing", ["svix-id", "svix-timestamp", "svix-signature"])
def test_message_is_refused_when_a_header_is_missing(missing: str) -> None:
    signed = headers(BODY)
    del signed[missing]

    assert WebhookFault.SIGNATURE == refusal_of(signed).code


@pytest.mark.parametrize("changed", ["svix-id", "svix-timestamp"])
def test_message_is_refused_when_a_signed_header_was_changed(changed: str) -> None:
    """A replayed webhook with another id or time is rejected."""
    signed = headers(BODY)
    signed[changed] = {"svix-id": "msg_2", "svix-timestamp": str(int(time.time()) - 7)}[changed]

    assert WebhookFault.SIGNATURE == refusal_of(signed).code


@given(position=st.integers(0, len(BODY) - 1), flipped=st.integers(1, 255))
def test_message_is_refused_when_a_byte_of_the_body_was_changed(
    position: int, flipped: int
) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flipped

    assert WebhookFault.SIGNATURE == refusal_of(headers(BODY), bytes(changed)).code


_header_text = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "v1",
        "v1,",
        "v1,a",
        "v1,ä",
        "v1,a,b",
        "nan",
        "inf",
        "-1e999",
        "9" * 400,
        "\udcff",
        "v1,\udcff",
    ]
)


@given(
    signed=st.fixed_dictionaries(
        {"svix-id": _header_text, "svix-signature": _header_text},
        optional={"svix-timestamp": _header_text},
    ),
    body=st.binary(max_size=40),
)
def test_nothing_but_a_refusal_is_raised_when_anything_is_sent(
    signed: dict[str, str], body: bytes
) -> None:
    sent_now = {"svix-timestamp": str(int(time.time())), **signed}

    assert WebhookFault.SIGNATURE == refusal_of(sent_now, body).code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b'{"type": "user.deleted"}',
        b'{"type": 5, "data": {}}',
        b'{"type": "", "data": {}}',
        b'{"type": "user.deleted", "data": []}',
        b'{"type": "user.deleted", "data": {"id": "\\ud800"}}',
        b'{"type": "%s", "data": {}}' % (b"t" * 192),
        b'{"type": "user.deleted", "data": %s}' % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    ],
)
def test_message_is_malformed_when_its_signed_body_is_no_event(body: bytes) -> None:
    assert WebhookFault.MALFORMED == refusal_of(headers(body), body).code


def test_message_is_malformed_when_its_id_is_endless() -> None:
    signed = headers(BODY, message_id="m" * 192)

    assert WebhookFault.MALFORMED == refusal_of(signed).code


def test_message_does_not_show_its_data_when_it_is_printed() -> None:
    """The ``repr`` of a webhook omits the data, because the data contains e-mail addresses."""
    assert "user_alice" not in repr(MESSAGE)
