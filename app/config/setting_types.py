"""Types of settings, with their format, bounds and error messages."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork
from pydantic_settings import NoDecode

_HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://({_HOST})(?::([0-9]{{1,5}}))?")
_HTTP_URL = re.compile(rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:/\S*)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
_NULL_ORIGIN = "null"
"""The origin that browsers send for sandboxed frames, and for pages opened from files."""
_FILE_ORIGIN = "file://"
"""The origin that browsers send for a WebSocket of a page opened from a file."""
ORIGINS_WITHOUT_PARTY = frozenset({_NULL_ORIGIN, _FILE_ORIGIN})
"""Origins of pages for which Clerk issues tokens without an ``azp``."""
_MAPPED_PREFIX_BITS = 96
_QUOTED = re.compile(r"""(["'])(.*)\1""")
_REDIS_URL = re.compile(r"rediss?(\+(sentinel|cluster))?://\S+|unix://\S+")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}")


def _split(value: object) -> object:
    """Split a comma-separated text from the environment. Return any other value unchanged."""
    if isinstance(value, str):
        return tuple(entry.strip() for entry in value.split(",") if entry.strip())
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _check_origin(value: str) -> str:
    """Return the origin as browsers write it: lower case, no final slash, no default port."""
    origin = value.lower().removesuffix("/")
    if value.lower() in {_FILE_ORIGIN, f"{_FILE_ORIGIN}/"}:
        return _FILE_ORIGIN
    if origin == _NULL_ORIGIN:
        return origin
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        raise ValueError(
            "must be scheme://host or scheme://host:port, without a path or wildcard; "
            "write other alphabets as xn--..."
        )
    scheme, host, port = match.groups()
    if scheme in {"ws", "wss"}:
        raise ValueError(
            f"must begin with http:// or https://: {scheme}:// is never the origin of a page"
        )
    if scheme == "file":
        raise ValueError("must be file:// without a host, as browsers send none")
    if host.startswith("["):
        host = f"[{_ipv6(host[1:-1])}]"
    if port is None or int(port) == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    if not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"must have a port from 1 to {_LAST_PORT}")
    return f"{scheme}://{host}:{int(port)}"


def _ipv6(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except ValueError:
        raise ValueError("must have an IPv6 address between the brackets") from None


def _check_party(value: str) -> str:
    """Return the party as an origin: Clerk sets ``azp`` to the Origin of the token request."""
    if "://" not in value and value.lower() != _NULL_ORIGIN:
        raise ValueError("must be an origin such as https://chat.example.com, like the tokens' azp")
    origin = _check_origin(value)
    if origin in ORIGINS_WITHOUT_PARTY:
        raise ValueError(
            f"must not contain {origin}: tokens for such pages have no azp; "
            "set CLERK_ALLOW_MISSING_AZP=true instead"
        )
    return origin


def _check_issuer(value: str) -> str:
    if _HTTP_URL.fullmatch(value) is None or value.endswith("/"):
        raise ValueError("must be a URL without a slash at its end, like the tokens' iss")
    return value


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Convert an IPv4-mapped IPv6 network to IPv4: ``::ffff:10.0.0.0/104`` to ``10.0.0.0/8``."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_PREFIX_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX_BITS))


def _check_http_url(value: str) -> str:
    if _HTTP_URL.fullmatch(value) is None:
        raise ValueError("must be an http or https URL without a user name or password")
    return value


def _normalized_url(value: str) -> str:
    """Return the URL with its scheme in lower case and without quotes.

    Docker does not remove quotes from the values of env files. The SQL adapter validates the URL
    before the server starts.
    """
    quoted = _QUOTED.fullmatch(value)
    url = quoted[2] if quoted else value
    scheme, colon, rest = url.partition(":")
    return f"{scheme.lower()}{colon}{rest}"


def _check_redis_url(value: str) -> str:
    if _REDIS_URL.fullmatch(value) is None:
        raise ValueError(
            "must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or unix://"
        )
    return value


def _check_webhook_secret(value: str) -> str:
    if _WEBHOOK_SECRET.fullmatch(value) is None:
        raise ValueError("must begin with whsec_, as Clerk's dashboard shows it")
    return value


def _check_filled(value: str) -> str:
    if not value:
        raise ValueError("must not be blank")
    return value


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
LinkSeconds = Annotated[float, Field(ge=0.05, le=86_400, allow_inf_nan=False)]
"""A time limit for clients. A limit below the network delay would disconnect every client."""
DatabaseSeconds = Annotated[float, Field(ge=0.01, le=2.5)]
"""A time limit shorter than the limit of a storage operation: see app/domain/time_limits.py."""
Rate = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
ReceiptBurst = Annotated[int, Field(ge=100, le=1_000_000_000)]
"""A limit that is at least the length of the longest list of receipts.

The longest list has `app.domain.delivery.MAX_RECEIPTS` receipts.
"""
Bytes = Annotated[int, Field(ge=1_024, le=1_000_000_000)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1),
]
Parties = Annotated[
    tuple[Annotated[str, AfterValidator(_check_party)], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1),
]
OptionalNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[
    tuple[Annotated[IPvAnyNetwork, AfterValidator(_unmapped)], ...],
    NoDecode,
    BeforeValidator(_split),
]
Issuer = Annotated[str, AfterValidator(_check_issuer)]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
DatabaseUrl = Annotated[str, AfterValidator(_normalized_url)]
RedisUrl = Annotated[str, AfterValidator(_check_redis_url)]
WebhookSecret = Annotated[str, AfterValidator(_check_webhook_secret)]
AnyCase = BeforeValidator(_lower)
Filled = Annotated[str, AfterValidator(_check_filled)]
