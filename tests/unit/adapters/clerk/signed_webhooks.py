"""Signs webhooks as Svix does ("Verifying webhooks manually" in its documentation)."""

import hmac
import time
from base64 import b64decode, b64encode
from hashlib import sha256

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def headers(
    body: bytes,
    message_id: str = "msg_1",
    age_seconds: int = 0,
    secret: str = SECRET,
    prefix: str = "svix",
) -> dict[str, str]:
    """Return the headers of a webhook that was sent this many seconds ago."""
    timestamp = str(int(time.time()) - age_seconds)
    signed = f"{message_id}.{timestamp}.".encode() + body
    key = b64decode(secret.removeprefix("whsec_"))
    signature = b64encode(hmac.digest(key, signed, sha256)).decode()
    return {
        f"{prefix}-id": message_id,
        f"{prefix}-timestamp": timestamp,
        f"{prefix}-signature": f"v1,{signature}",
    }
