"""Tests `client_network` in app/services/authentication_service.py."""

import pytest

from app.services.authentication_service import client_network


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_addresses_have_one_owner_when_they_are_of_one_network(address: str, owner: str) -> None:
    """The owner of an IPv6 address owns the whole /64 network."""
    assert owner == client_network(address)
