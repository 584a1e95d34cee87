import json
import stat
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.adapters.clerk.jwks import parse_jwks
from app.adapters.clerk.signed_token import read_claims, read_header
from app.adapters.development.issuer import KEY_FILE_NAME, DevelopmentIssuer
from app.adapters.development.signing_key_file import DevelopmentKeyError, load_or_create_key
from app.domain.ids import UserId
from tests.doubles.manual_clock import DEFAULT_START, ManualClock

ISSUER = "http://127.0.0.1:3002"
PARTY = "http://localhost:3000"
ALICE = UserId("user_alice")
NOW = int(DEFAULT_START.timestamp())


def make_issuer(data_dir: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer(data_dir, ISSUER, PARTY, ManualClock())


def decode(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return the header and the claims without verifying them."""
    header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def test_token_has_exactly_clerks_shape_when_issued(tmp_path: Path) -> None:
    issuer = make_issuer(tmp_path)

    header, claims = decode(issuer.token(ALICE, session_id="sess_1"))

    assert {
        "alg": "RS256",
        "cat": "cl_B7d4PD111AAA",
        "kid": issuer.jwks()["keys"][0]["kid"],
        "typ": "JWT",
    } == header
    assert {
        "azp": PARTY,
        "exp": NOW + 60,
        "fva": [0, -1],
        "iat": NOW,
        "iss": ISSUER,
        "jti": claims["jti"],
        "nbf": NOW - 10,
        "sid": "sess_1",
        "sts": "active",
        "sub": "user_alice",
        "v": 2,
    } == claims


def test_tokens_differ_when_issued_in_the_same_second(tmp_path: Path) -> None:
    """Each token has a unique id, so revoking one token does not revoke another."""
    issuer = make_issuer(tmp_path)

    _, first = decode(issuer.token(ALICE))
    _, second = decode(issuer.token(ALICE))

    assert second["jti"] != first["jti"]


def test_tokens_are_of_one_sign_in_when_none_is_named(tmp_path: Path) -> None:
    """All tokens of a user have the same session id, so a socket can refresh with any of them."""
    issuer = make_issuer(tmp_path)

    users = [ALICE, ALICE, UserId("user_bob")]
    first, second, bobs = (decode(issuer.token(user))[1]["sid"] for user in users)

    assert first == second != bobs


def test_token_ends_when_asked_to(tmp_path: Path) -> None:
    _, claims = decode(make_issuer(tmp_path).token(ALICE, ttl_seconds=3))

    assert NOW + 3 == claims["exp"]


async def test_token_is_verified_when_another_process_signed_it(tmp_path: Path) -> None:
    """The server accepts tokens that the command line issued."""
    server = make_issuer(tmp_path)
    await server.on_module_init()
    token = make_issuer(tmp_path).token(ALICE)

    published = parse_jwks(json.dumps(server.jwks()).encode())
    claims = read_claims(token, published[read_header(token).key_id or ""])

    assert "user_alice" == claims["sub"]


def test_key_set_is_public_when_published(tmp_path: Path) -> None:
    (key,) = make_issuer(tmp_path).jwks()["keys"]

    assert ["alg", "e", "kid", "kty", "n", "use"] == sorted(key)


def test_key_id_changes_when_the_key_does(tmp_path: Path) -> None:
    """A verifier that cached the old key fetches the new key, because its id is unknown."""
    first, second = (make_issuer(tmp_path / name).jwks()["keys"][0] for name in ("a", "b"))

    assert second["kid"] != first["kid"]


def test_key_file_is_for_its_owner_alone_when_created(tmp_path: Path) -> None:
    """Only the owner can read the file, and no temporary file remains."""
    folder = tmp_path / "new" / "data"

    make_issuer(folder).token(ALICE)

    assert [KEY_FILE_NAME] == [file.name for file in folder.iterdir()]
    assert 0o600 == stat.S_IMODE((folder / KEY_FILE_NAME).stat().st_mode)


def test_key_is_one_when_many_make_it_at_the_same_time(tmp_path: Path) -> None:
    """Concurrent processes all use the key that was created first."""
    path = tmp_path / KEY_FILE_NAME
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create_key, [path] * 8))

    assert 1 == len({key.private_numbers().p for key in keys})
    assert [KEY_FILE_NAME] == [file.name for file in tmp_path.iterdir()]


def _elliptic_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff", _elliptic_key()])
def test_key_file_is_refused_when_it_holds_something_else(tmp_path: Path, content: bytes) -> None:
    """The error names the file and the fix, and the file is not changed."""
    path = tmp_path / KEY_FILE_NAME
    path.write_bytes(content)

    with pytest.raises(DevelopmentKeyError, match="delete the file") as caught:
        make_issuer(tmp_path).token(ALICE)

    assert str(path) in str(caught.value)
    assert content == path.read_bytes()


async def test_key_file_is_refused_when_the_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(DevelopmentKeyError, match="cannot be used"):
        await make_issuer(tmp_path / "data").on_module_init()
