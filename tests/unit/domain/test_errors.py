import pytest

from app.domain.errors import (
    AuthenticationCode,
    AuthenticationError,
    InvalidPayload,
    NotAMember,
    Unavailable,
)


@pytest.mark.parametrize("code", AuthenticationCode)
def test_authentication_error_explains_itself_when_raised_with_any_code(
    code: AuthenticationCode,
) -> None:
    """Every code has a message that frontends recognise, and a detail that tells how to fix it."""
    error = AuthenticationError(code)

    assert error.message in {
        "authentication required",
        "authentication failed",
        "authentication revoked",
    }
    assert error.detail.endswith(".")
    assert f"{error.message}: {error.detail}" == str(error)


def test_authentication_message_names_the_case_when_frontends_must_tell_it() -> None:
    """The messages distinguish a missing and a revoked token from other failures."""
    codes = (
        AuthenticationCode.TOKEN_MISSING,
        AuthenticationCode.REVOKED,
        AuthenticationCode.TOKEN_EXPIRED,
    )

    messages = [AuthenticationError(code).message for code in codes]

    expected = ["authentication required", "authentication revoked", "authentication failed"]
    assert expected == messages


def test_authentication_error_is_temporary_only_when_the_token_is_not_at_fault() -> None:
    """A temporary error means that the same token may be accepted later."""
    temporary = {code for code in AuthenticationCode if AuthenticationError(code).temporary}

    assert {
        AuthenticationCode.KEYS_UNAVAILABLE,
        AuthenticationCode.REVOCATION_UNAVAILABLE,
        AuthenticationCode.TOO_MANY_ATTEMPTS,
        AuthenticationCode.TOO_MANY_SOCKETS,
        AuthenticationCode.ADDRESS_FULL,
        AuthenticationCode.NODE_FULL,
    } == temporary


def test_invalid_payload_names_its_field_when_it_is_raised() -> None:
    """The error's text is a sentence for people."""
    error = InvalidPayload("content", "is missing")

    assert ("content", "is missing") == (error.path, error.message)
    assert "content: is missing" == str(error)
    assert {"fields": [{"path": "content", "message": "is missing"}]} == error.details


def test_authentication_details_say_how_to_mend_it_when_refused() -> None:
    error = AuthenticationError(AuthenticationCode.REVOKED)

    assert {"detail": "The token was revoked; sign in again."} == error.details


def test_plain_refusal_has_no_details_when_its_sentence_says_all() -> None:
    """By default the client receives only ``error``, ``code`` and ``temporary``."""
    error = NotAMember()

    assert ("not_a_member", False, {}) == (error.code, error.temporary, error.details)


def test_unavailable_names_what_is_missing_when_raised() -> None:
    """`Unavailable` is temporary: nothing was stored, so a retry may succeed."""
    error = Unavailable(what="The server")

    assert "The server is not available now; nothing was done." == str(error)
    assert error.temporary
