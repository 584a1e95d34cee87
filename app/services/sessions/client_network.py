"""Who is behind an address: for counting what one party does."""

from ipaddress import IPv6Address, IPv6Network

_PREFIX_BITS = 64


def client_network(address: str) -> str:
    """The address itself; of IPv6 its network, which is what a household or a server is given.

    Else whoever has one would have 2**64 addresses to try from. An IPv4 address in IPv6's clothes
    is that address; what is no address stays as it is.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _PREFIX_BITS), strict=False))
