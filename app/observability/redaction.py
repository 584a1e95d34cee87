"""Removes secrets and message contents from log lines, as the last step before rendering.

The code should not log such data. Redaction is a safeguard against mistakes and against the errors
of libraries.
"""

import re
from collections.abc import Iterable, Mapping

from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"

_MAX_DEPTH = 6
_SECRET_WORDS = frozenset(
    {
        "auth",
        "authorization",
        "content",
        "cookie",
        "credential",
        "jwt",
        "key",
        "password",
        "secret",
        "token",
    }
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Matches a JSON Web Token: base64url of '{"', and two more parts. The length of the first part
    # is limited. Otherwise, a text with many such beginnings would take quadratic time.
    (re.compile(r"eyJ[\w-]{1,500}\.[\w-]+\.[\w-]*"), REDACTED),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), rf"\1 {REDACTED}"),
    # Matches the password in a database or Redis URL.
    (re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)"), rf"\1{REDACTED}"),
    # Match the values that SQLAlchemy and pydantic quote in their errors.
    (re.compile(r"(\[parameters: ).*"), rf"\1{REDACTED}]"),
    (re.compile(r"(\binput_value=).*"), rf"\1{REDACTED}]"),
)


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Redact all fields of a log line, including nested values and texts of exceptions.

    Redacts the value of every key that contains a word such as ``token`` (``accessToken``,
    ``clerk_jwt_key``). In texts, redacts JWTs, bearer tokens, URL passwords and quoted SQL
    parameters. Values that are not of a JSON type are converted with ``str`` first. Collections
    nested deeper than six levels are replaced with a short text.
    """
    return {key: _redact_field(key, value, _MAX_DEPTH) for key, value in event_dict.items()}


def redact_text(text: str) -> str:
    """Replace everything in the text that looks like a secret."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redact_field(key: str, value: object, depth: int) -> object:
    if any(word.lower().removesuffix("s") in _SECRET_WORDS for word in _WORD.findall(key)):
        return REDACTED
    return _redact_value(value, depth)


def _redact_value(value: object, depth: int) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact_text(value)
        case Mapping() | list() | tuple() | set() | frozenset() if depth == 0:
            return "[nested too deep]"
        case Mapping():
            return {
                redact_text(str(key)): _redact_field(str(key), item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return _redact_items(value, depth - 1)
        case _:
            return redact_text(str(value))


def _redact_items(items: Iterable[object], depth: int) -> list[object]:
    return [_redact_value(item, depth) for item in items]
