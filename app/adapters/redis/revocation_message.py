"""The JSON form in which nodes publish revocations: ``{"kind", "subject", "issuedUntil"}``."""

import json
from math import inf, isfinite

from app.domain.credential import Revocation, RevocationKind

MAX_BYTES = 4_096


def encode_revocation(revocation: Revocation) -> bytes:
    """Return the message for a revocation. It contains the digest of a token, never the token."""
    message: dict[str, object] = {"kind": revocation.kind, "subject": revocation.subject}
    if isfinite(revocation.issued_until):
        message["issuedUntil"] = revocation.issued_until
    return json.dumps(message).encode()


def decode_revocation(message: bytes) -> Revocation:
    """Return the revocation in a message. Unknown JSON members are ignored.

    Raises:
        ValueError: The message is malformed or longer than `MAX_BYTES`. The error does not quote
            the message.
    """
    if len(message) > MAX_BYTES:
        raise ValueError(f"a revocation must not exceed {MAX_BYTES} bytes")
    try:
        members = json.loads(message)
        kind = RevocationKind(members["kind"])
        subject = members["subject"]
        issued_until = float(members["issuedUntil"]) if kind is RevocationKind.USER else inf
    # Malformed messages can cause each of these errors.
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise ValueError(
            "the message of a revocation needs kind, subject and issuedUntil"
        ) from None
    if not isinstance(subject, str) or (kind is RevocationKind.USER and not isfinite(issued_until)):
        raise ValueError("a revocation needs a string as subject and a finite issuedUntil")
    return Revocation(kind, subject, issued_until)
