"""Stores the development issuer's private key, so that tokens stay valid after a restart."""

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
    """The key file cannot be used. The message names the file and the remedy."""


def load_or_create_key(path: Path) -> rsa.RSAPrivateKey:
    """Return the RSA key in ``path``. A missing file is created, readable only by its owner.

    Concurrent calls in several processes return the same key. Creating a key blocks for about
    100 ms.

    Raises:
        DevelopmentKeyError: The file cannot be read or written, or does not contain an RSA key.
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
    """Write a new key to a temporary file, and link it to ``path`` unless ``path`` exists."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = mkstemp(prefix=f"{path.name}.", dir=path.parent)  # Its mode is 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        # Unlike a rename, a link never replaces a key that another process has just created.
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
        message = f"{path} does not contain an RSA key; delete the file to get a new key."
        raise DevelopmentKeyError(message)
    return key
