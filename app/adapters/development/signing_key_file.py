"""The development issuer's private key, kept so that tokens outlive a restart of the server."""

import os
from pathlib import Path
from tempfile import mkstemp

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class DevelopmentKeyError(Exception):
    """The key file cannot be used; the message names it and says how to mend it."""


def load_or_create_key(path: Path) -> rsa.RSAPrivateKey:
    """The RSA key in ``path``; when there is none yet, a new one that only its owner may read.

    Safe to call from several processes at once: all get the same key. Making one blocks for
    about 100 ms.

    Raises:
        DevelopmentKeyError: The file cannot be read or written, or holds something else.
    """
    try:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            text = _create(path)
    except OSError as error:
        raise DevelopmentKeyError(
            f"The development signing key {path} cannot be used ({error.strerror}); "
            "let this user read and write it, or set DATA_DIR to another folder."
        ) from error
    return _parse(text, path)


def _create(path: Path) -> bytes:
    """Write a new key beside the path, then give it the name unless another process was first."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        # A link, not a rename: it never replaces a key that is in use already.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


def _parse(text: bytes, path: Path) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        message = (
            f"{path} is not the RSA key the development issuer left there; "
            "delete the file and a new one is made."
        )
        raise DevelopmentKeyError(message)
    return key
