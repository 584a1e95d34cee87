import pytest

from app.services.channels.seed_file import MalformedMembershipError, parse_membership
from tests.unit.services.people import ALICE, BOB, GENERAL, RANDOM


def test_membership_is_read_when_the_text_is_as_documented() -> None:
    """Users without channels are included, and repeated channels count once."""
    membership = parse_membership(
        '{"user_alice": ["general", "random", "general"], "user_bob": []}'
    )

    assert {ALICE: (GENERAL, RANDOM), BOB: ()} == membership


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "The seed is not JSON: "),
        ("[]", "The seed must be an object: "),
        ('{"": []}', "The id of a user must be 1 to 191 printable characters, not ''."),
        (
            '{"user_alice": "general"}',
            "The channels of 'user_alice' must be a list of channel ids.",
        ),
        (
            '{"user_alice": [7]}',
            "The id of a channel of 'user_alice' must be 1 to 191 printable characters, not 7.",
        ),
        (
            '{"user_alice": ["a\\u0000b"]}',
            (
                "The id of a channel of 'user_alice' must be 1 to 191 printable characters, "
                "not 'a\\x00b'."
            ),
        ),
        (
            '{"\\ud800": []}',
            "The id of a user must be 1 to 191 printable characters, not '\\ud800'.",
        ),
    ],
    ids=["no json", "no object", "no user", "no list", "no text", "nul", "surrogate"],
)
def test_membership_is_refused_when_the_text_is_something_else(text: str, sentence: str) -> None:
    """The error says where the mistake is."""
    with pytest.raises(MalformedMembershipError) as caught:
        parse_membership(text)

    assert str(caught.value).startswith(sentence)
