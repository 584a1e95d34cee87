"""Tests app/framework/config/module.py: loading, injecting and overriding settings."""

from collections.abc import Callable
from typing import Any

import pytest
from dependency_injector import containers, providers
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.framework import BootError, NestFactory, imported
from app.framework.config import ConfigModule, ConfigService
from app.framework.testing import Test, TestingModule


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CONFIG_TEST_")

    secret: str
    port: int = 3000
    origins: list[str] = []


class _Service:
    def __init__(self, config: ConfigService[_Settings], settings: _Settings) -> None:
        self.port = config.get("port", int)
        self.settings = settings


class _ServiceModule(containers.DeclarativeContainer):
    config = imported(ConfigService[_Settings])
    settings: providers.Dependency[_Settings] = imported(_Settings)
    service = providers.Singleton(_Service, config, settings)


class _Root(containers.DeclarativeContainer):
    services = providers.Container(_ServiceModule)
    config = ConfigModule.for_root(_Settings)


async def test_config_and_settings_are_injected_when_the_environment_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The module is global: no parent passes it in."""
    monkeypatch.setenv("CONFIG_TEST_SECRET", "s3cret")
    monkeypatch.setenv("CONFIG_TEST_PORT", "4000")
    app = NestFactory.create(_Root)
    await app.init()

    service = app.get(_Service)

    assert 4000 == service.port
    assert service.settings is app.get(ConfigService).settings
    assert "s3cret" == app.get(_Settings).secret


async def test_boot_fails_without_values_in_the_text_when_settings_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONFIG_TEST_PORT", "s3cret")

    with pytest.raises(BootError) as caught:
        await NestFactory.create(_Root).init()

    assert (
        "_Settings cannot be loaded: secret: Field required; port: Input should be a valid "
        "integer, unable to parse string as an integer. Set these settings in the environment"
    ) == str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_boot_fails_when_a_setting_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_TEST_SECRET", "s3cret")
    monkeypatch.setenv("CONFIG_TEST_ORIGINS", "s3cret")

    with pytest.raises(BootError) as caught:
        await NestFactory.create(_Root).init()

    sentence = str(caught.value)
    assert sentence.startswith("_Settings cannot be loaded: error parsing value for field")
    assert "origins" in sentence
    assert "s3cret" not in sentence


def _override_settings(settings: _Settings) -> TestingModule:
    builder = Test.create_testing_module(_Root)
    return builder.override_provider(_Settings).use_value(settings).compile()


def _override_service(settings: _Settings) -> TestingModule:
    builder = Test.create_testing_module(_ServiceModule, settings=providers.Object(settings))
    return builder.override_provider(ConfigService).use_value(ConfigService(settings)).compile()


@pytest.mark.parametrize("override", [_override_settings, _override_service])
def test_settings_can_be_overridden_when_a_module_is_tested(
    override: Callable[[_Settings], TestingModule],
) -> None:
    """The environment is not read."""
    module = override(_Settings(secret="x", port=1))

    assert 1 == module.get(_Service).port
    assert 1 == module.get(ConfigService).get("port")


@pytest.mark.parametrize(
    ("given", "name"),
    [(_Service, "_Service"), (ConfigService, "ConfigService"), (5, "an instance of int")],
)
def test_for_root_refuses_anything_but_a_settings_class(given: Any, name: str) -> None:
    with pytest.raises(BootError) as caught:
        ConfigModule.for_root(given)

    assert (
        f"ConfigModule.for_root was given {name}; give it a class that derives from "
        "pydantic_settings.BaseSettings"
    ) == str(caught.value)
