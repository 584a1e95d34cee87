"""Tests app/framework/config/config_service.py."""

from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, computed_field
from pydantic_settings import BaseSettings

from app.framework import BootError
from app.framework.config import ConfigService


class _Database(BaseModel):
    host: str = "localhost"
    options: dict[str, int] = {"pool": 5}
    shards: dict[int, str] = {0: "first"}


class _Settings(BaseSettings):
    port: int = 3000
    name: str | None = None
    key: SecretStr = SecretStr("secret")
    database: _Database = _Database()
    replica: _Database | None = None

    @computed_field  # type: ignore[prop-decorator] # pydantic's own order
    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


CONFIG = ConfigService(_Settings.model_construct())


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [
        ("port", int, 3000),
        ("port", object, 3000),
        ("name", object, None),
        ("database.host", str, "localhost"),
        ("database.options.pool", int, 5),
        ("database.shards.0", str, "first"),
        ("url", str, "http://localhost:3000"),
    ],
)
def test_get_returns_the_setting_when_its_path_and_type_are_right(
    path: str, kind: type, value: object
) -> None:
    assert value == CONFIG.get(path, kind)
    assert value == CONFIG.get(path)


@pytest.mark.parametrize(
    ("path", "default", "value"),
    [
        ("port", 8080, 3000),
        ("name", "unnamed", "unnamed"),
        ("name", None, None),
        ("port", None, 3000),
        ("replica.host", "none", "none"),
        ("database.options", {}, {"pool": 5}),
    ],
)
def test_get_returns_the_default_value_if_the_setting_is_none(
    path: str, default: Any, value: object
) -> None:
    """As in Nest, a second argument that is not a type is a default value."""
    assert value == CONFIG.get(path, default)


@pytest.mark.parametrize("path", ["prot", "database.prot"])
def test_get_refuses_an_unknown_name_although_it_has_a_default_value(path: str) -> None:
    """Nest returns the default value, so a misspelt name would go unnoticed."""
    with pytest.raises(BootError, match="'prot' is unknown"):
        CONFIG.get(path, 3000)


def test_get_refuses_a_default_value_of_another_type() -> None:
    sentence = (
        "'port' of _Settings has the type int, not str; ask for its type, or change the field"
    )
    with pytest.raises(BootError, match=f"^{sentence}$"):
        CONFIG.get("port", "3000")


def test_settings_are_the_same_values_when_they_are_read_as_attributes() -> None:
    """Type checkers know the type of an attribute."""
    port: int = CONFIG.settings.port

    assert CONFIG.get("port", int) == port


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "prot",
            (
                "_Settings has no setting 'prot': 'prot' is unknown, "
                "its settings are port, name, key, database, replica, url"
            ),
        ),
        (
            "database.port",
            (
                "_Settings has no setting 'database.port': 'port' is unknown, "
                "its settings are host, options, shards"
            ),
        ),
        (
            "replica.host",
            (
                "_Settings has no value for 'replica.host', because the setting before 'host' is "
                "None; set it in the environment"
            ),
        ),
        (
            "port.first",
            "_Settings has no setting 'port.first': 'first' is unknown, it has no settings",
        ),
    ],
)
def test_error_lists_the_settings_when_the_name_is_unknown(path: str, sentence: str) -> None:
    """Nest returns undefined instead, so a misspelt name is found much later."""
    with pytest.raises(BootError) as caught:
        CONFIG.get(path)

    assert sentence == str(caught.value)


@pytest.mark.parametrize("path", ["model_dump", "__class__", "model_fields"])
def test_get_reads_no_methods_when_they_are_named(path: str) -> None:
    with pytest.raises(BootError, match="has no setting"):
        CONFIG.get(path)


def test_error_omits_the_value_when_its_type_is_wrong() -> None:
    with pytest.raises(BootError) as caught:
        CONFIG.get("key", int)

    assert (
        "'key' of _Settings has the type SecretStr, not int; ask for its type, or change the field"
    ) == str(caught.value)


def test_get_or_throw_raises_when_the_setting_is_none() -> None:
    value: Any = CONFIG.get_or_throw("port", int)
    assert 3000 == value

    with pytest.raises(BootError) as caught:
        CONFIG.get_or_throw("name", str)

    assert "_Settings has no value for 'name'; set it in the environment" == str(caught.value)
