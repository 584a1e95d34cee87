import pytest

from app.framework.common.log_text import log_text


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
    """Text from a client cannot forge a line of the log, and cannot fill the log."""
    assert shown == log_text(value)
