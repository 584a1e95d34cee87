"""Tests that deploy/nginx.conf.template agrees with the code. tests/e2e/test_nginx.py runs it."""

import re

from app.config.settings import Settings
from app.controllers.requests.backend_key import MAX_BODY_BYTES
from app.framework.websockets.socket import Handshake
from tests.deployment import nginx_template


def values(directive: str) -> list[str]:
    return re.findall(rf"^\s*{directive} (.+);$", nginx_template(), flags=re.MULTILINE)


def test_nginx_timeout_is_longer_than_the_time_between_pings() -> None:
    """Otherwise, nginx would close connections that are idle between two pings."""
    fields = Settings.model_fields
    needed = fields["ping_interval_seconds"].default + fields["ping_timeout_seconds"].default

    timeout, _ = values("proxy_read_timeout")

    assert float(timeout.removesuffix("s")) > needed


def test_nginx_has_the_servers_limit_for_request_bodies() -> None:
    assert [f"{MAX_BODY_BYTES // 1024}k"] == values("client_max_body_size")


def test_nginx_forwards_only_paths_of_the_server() -> None:
    paths = [value.removeprefix("http://nodes") for value in values("proxy_pass")]

    assert [Handshake.__dataclass_fields__["path"].default, "/webhooks/clerk"] == paths


def test_workers_have_a_file_descriptor_for_each_connection() -> None:
    (files,), (connections,) = values("worker_rlimit_nofile"), values("worker_connections")

    assert int(files) > int(connections)
