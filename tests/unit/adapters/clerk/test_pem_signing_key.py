import textwrap
from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.adapters.clerk.pem_signing_key import PemSigningKey, SigningKeyError
from tests.unit.adapters.clerk.signed_tokens import private_key


def pem(public_format: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    return private_key().public_key().public_bytes(Encoding.PEM, public_format).decode()


@pytest.mark.parametrize(
    "mangle",
    [
        pytest.param(lambda text: text, id="not at all"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="escaped"),
        pytest.param(lambda text: text.replace("\n", "\\r\\n"), id="windows, escaped"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="windows"),
        pytest.param(lambda text: f'"{text}"', id="double quotes"),
        pytest.param(lambda text: f"'{text.strip()}'\n", id="single quotes"),
        pytest.param(lambda text: f"\ufeff{text}", id="byte order mark"),
        pytest.param(lambda text: text.replace("\n", " "), id="spaces"),
        pytest.param(lambda text: text.replace("\n", ""), id="one line"),
        pytest.param(lambda text: "".join(text.splitlines()[1:-1]), id="no armour"),
        pytest.param(lambda text: textwrap.indent(text, "  "), id="indented"),
    ],
)
@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
async def test_key_is_read_when_its_text_was_mangled_on_the_way(
    mangle: Callable[[str], str], form: PublicFormat
) -> None:
    """A key with changed line breaks, quotes or white space is still accepted."""
    key = await PemSigningKey(mangle(pem(form))).find(None)

    assert private_key().public_key().public_numbers() == key.public_numbers()


async def test_find_gives_the_key_when_the_token_names_another() -> None:
    keys = PemSigningKey(pem())

    assert await keys.find("ins_other") is await keys.find(None)


@pytest.mark.parametrize(
    "text", ["", "sk_live_abc", "-----BEGIN PUBLIC KEY-----", "é", "AAAA", "MIIBIjANBgkqhkiG9w0BAQ"]
)
def test_key_is_refused_when_it_is_none(text: str) -> None:
    """The error for a value that is not a key names the setting."""
    with pytest.raises(SigningKeyError, match="CLERK_JWT_KEY is not a public key"):
        PemSigningKey(text)


def test_key_is_refused_without_being_shown_when_it_is_a_private_one() -> None:
    secret = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(SigningKeyError) as caught:
        PemSigningKey(secret)

    assert secret.splitlines()[1] not in str(caught.value)
    assert caught.value.__suppress_context__


def test_key_is_refused_when_it_is_short_or_of_another_kind() -> None:
    short = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - the code must reject it
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()

    for key in (short, elliptic):
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(SigningKeyError, match="2048 bits"):
            PemSigningKey(b64encode(der).decode())
