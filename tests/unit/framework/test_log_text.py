import pytest

from app.framework.log_text import LogLimit, log_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("a" * 100, "a" * 100),
        ("a" * 101, "a" * 100 + "..."),
        ("two\r\nlines\x1b[31m\x7f", r"two\x0d\x0alines\x1b[31m\x7f"),
        ("m\xfcnchen \udc80", r"m\xfcnchen \udc80"),
        (["https://a.example"], "['https://a.example']"),
        (7, "7"),
    ],
)
def test_text_is_short_and_printable_when_a_client_sent_it(value: object, shown: str) -> None:
    """It can neither forge a line nor fill the log."""
    assert shown == log_text(value)


def test_subject_is_allowed_once_when_it_comes_again_within_the_period() -> None:
    """And once more in the next one."""
    now = [100.0]
    limit = LogLimit(60.0, clock=lambda: now[0])

    first = [limit.allows(subject) for subject in ("a", "a", "b")]
    now[0] += 60.0

    assert [True, False, True] == first
    assert limit.allows("a")


def test_further_subjects_are_not_allowed_when_there_are_many() -> None:
    """A stranger can make up as many as they like."""
    limit = LogLimit(max_subjects=3)

    allowed = [limit.allows(str(number)) for number in range(1_000)]

    assert 3 == sum(allowed)
