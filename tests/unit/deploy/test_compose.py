"""Tests that compose.yaml and deploy/example.env agree with each other and with the code."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.config.settings import Settings
from app.config.settings_loader import load_settings
from tests.deployment import (
    cli_commands,
    compose,
    compose_variables,
    example_environment,
    template_variables,
)

NODES = ("node1", "node2")
SECRETS = {"POSTGRES_PASSWORD": "secret-of-postgres", "REDIS_PASSWORD": "secret-of-redis"}
SETTINGS = {name.upper() for name in Settings.model_fields}


@pytest.fixture
def environment() -> dict[str, str | None]:
    """The example environment with passwords, as an operator's .env."""
    return {**example_environment(), **SECRETS}


@pytest.fixture
def services(environment: dict[str, str | None]) -> dict[str, Any]:
    found: dict[str, Any] = compose(environment)["services"]
    return found


def seconds(duration: str) -> float:
    assert duration.endswith("s")
    return float(duration.removesuffix("s"))


def address(service: dict[str, Any]) -> str:
    text: str = service["networks"]["inner"]["ipv4_address"]
    return text


@pytest.mark.parametrize("name", [*SECRETS, "SERVER_NAME", "TLS_FOLDER"])
def test_nothing_starts_when_a_required_variable_is_empty(
    environment: dict[str, str | None], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        compose({**environment, name: ""})


def test_example_has_no_password() -> None:
    example = example_environment()

    assert {""} == {example[name] for name in SECRETS}


def test_example_has_only_settings_and_variables_of_the_deployment() -> None:
    names = set(example_environment(with_comments=True))

    assert names - SETTINGS <= compose_variables()
    assert compose_variables() <= names


def test_example_can_be_read_by_systemd() -> None:
    """For systemd, a comment at the end of a line is a part of the value."""
    values = example_environment(with_comments=True).values()

    assert not [value for value in values if value and "#" in value]


def test_nodes_start_in_production_with_the_services_of_the_file(
    environment: dict[str, str | None],
    services: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # This folder has no .env.
    node = services["node1"]
    for name, value in {**environment, **node["environment"]}.items():
        monkeypatch.setenv(name, value or "")

    settings = load_settings()

    database, redis = urlsplit(settings.database_url), urlsplit(str(settings.redis_url))
    postgres = services["postgres"]["environment"]
    assert ".env" == node["env_file"]
    assert "production" == settings.app_env
    assert settings.is_clustered
    assert "0.0.0.0" == settings.host  # noqa: S104 - inside a container
    assert ("postgres", 5432) == (database.hostname, database.port)
    assert postgres["POSTGRES_USER"] == database.username
    assert postgres["POSTGRES_PASSWORD"] == database.password
    assert f"/{postgres['POSTGRES_DB']}" == database.path
    assert ("valkey", 6379, "secret-of-redis") == (redis.hostname, redis.port, redis.password)
    assert [f"{address(services['nginx'])}/32"] == [str(each) for each in settings.trusted_proxies]


def test_every_variable_of_the_nodes_is_a_setting(services: dict[str, Any]) -> None:
    for name in (*NODES, "migrate"):
        assert set(services[name]["environment"]) <= SETTINGS


def test_nodes_differ_only_in_their_address(services: dict[str, Any]) -> None:
    first, second = ({**services[name], "networks": None} for name in NODES)

    assert first == second
    assert address(services["node1"]) != address(services["node2"])


def test_fixed_addresses_are_not_given_to_other_services(
    environment: dict[str, str | None],
) -> None:
    file = compose(environment)
    (network,) = file["networks"]["inner"]["ipam"]["config"]
    subnet, for_others = ip_network(network["subnet"]), ip_network(network["ip_range"])

    fixed = {ip_address(address(file["services"][name])) for name in (*NODES, "nginx")}

    assert 3 == len(fixed)
    assert all(each in subnet and each not in for_others for each in fixed)


def test_migrations_run_once_before_the_nodes(services: dict[str, Any]) -> None:
    migrate = services["migrate"]

    assert migrate["command"][0] in cli_commands()
    assert "no" == migrate["restart"]
    assert {"postgres": {"condition": "service_healthy"}} == migrate["depends_on"]
    assert all(
        {"condition": "service_completed_successfully"} == services[name]["depends_on"]["migrate"]
        for name in NODES
    )


def test_nginx_gets_the_variables_of_its_template(services: dict[str, Any]) -> None:
    nginx = services["nginx"]
    names = set(nginx["environment"]) - {"NGINX_ENVSUBST_OUTPUT_DIR"}

    nodes = [nginx["environment"][name] for name in ("NODE_1", "NODE_2")]

    assert template_variables() == names
    assert [f"{name}:{services[name]['environment']['PORT']}" for name in NODES] == nodes


def test_only_nginx_can_be_reached_from_outside(services: dict[str, Any]) -> None:
    published = {name: each["ports"] for name, each in services.items() if "ports" in each}

    ports = [services["nginx"]["environment"][f"{name}_LISTEN"] for name in ("HTTP", "HTTPS")]

    assert {"nginx": [f"{port}:{port}" for port in ports]} == published


def test_every_service_that_keeps_running_has_a_health_check(services: dict[str, Any]) -> None:
    """The nodes have the health check of their image."""
    without = {name for name, each in services.items() if "healthcheck" not in each}

    assert set(NODES) == without
    assert all("." == services[name]["build"] for name in without)


def test_nodes_have_time_to_drain(
    environment: dict[str, str | None], services: dict[str, Any]
) -> None:
    drain_seconds = float(environment["DRAIN_SECONDS"] or "")

    assert Settings.model_fields["drain_seconds"].default == drain_seconds
    for name in NODES:
        assert seconds(services[name]["stop_grace_period"]) >= 2 * drain_seconds
        assert services[name]["init"] is True
