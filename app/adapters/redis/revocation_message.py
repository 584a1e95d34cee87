"""A revocation as nodes tell it each other: ``{"kind", "subject", "issuedUntil"}`` in JSON."""

import json
from math import inf, isfinite

from app.domain.credential import Revocation, RevocationKind

MAX_BYTES = 4_096


def encode_revocation(revocation: Revocation) -> bytes:
    """The message; of a token it has the digest only."""
    message: dict[str, object] = {"kind": revocation.kind, "subject": revocation.subject}
    if isfinite(revocation.issued_until):
        message["issuedUntil"] = revocation.issued_until
    return json.dumps(message).encode()


def decode_revocation(message: bytes) -> Revocation:
    """What the message says; further members are ignored.

    Raises:
        ValueError: Nothing, or more than `MAX_BYTES`. The text does not quote the message.
    """
    if len(message) > MAX_BYTES:
        raise ValueError("a revocation is shorter")
    try:
        members = json.loads(message)
        kind = RevocationKind(members["kind"])
        subject = members["subject"]
        issued_until = float(members["issuedUntil"]) if kind is RevocationKind.USER else inf
    # All that a foreign message can lead to: its depth, its types, its numbers.
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise ValueError("a revocation has kind, subject and issuedUntil") from None
    if not isinstance(subject, str) or (kind is RevocationKind.USER and not isfinite(issued_until)):
        raise ValueError("a revocation is of somebody, until some moment")
    return Revocation(kind, subject, issued_until)
