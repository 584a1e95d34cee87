"""`ConfigModule`: loads the settings, and provides `ConfigService` to all modules."""

from collections.abc import Callable
from typing import TypeVar

from dependency_injector import containers, providers
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from app.framework.common.exceptions import BootError
from app.framework.common.pipes import field_errors
from app.framework.common.providers import global_, imported
from app.framework.config.config_service import ConfigService

S = TypeVar("S", bound=BaseSettings)


@global_
class ConfigModule(containers.DeclarativeContainer):
    """Nest's ``ConfigModule``, which is always global.

    Write ``config = ConfigModule.for_root(AppSettings)`` in the root module. Other modules declare
    ``imported(ConfigService)``, or ``imported(AppSettings)`` for the settings themselves.
    """

    settings: providers.Dependency[BaseSettings] = imported(BaseSettings)
    config_service = providers.Singleton(ConfigService, settings)

    @staticmethod
    def for_root(settings_class: type[BaseSettings]) -> "providers.Container[ConfigModule]":
        """Return the module for a settings class. The settings are read when they are first needed.

        The ``model_config`` of the class names the files to read, such as ``.env``.

        Raises:
            BootError: The argument is not such a class.
        """
        is_class = isinstance(settings_class, type)
        if not is_class or not issubclass(settings_class, BaseSettings):
            name = getattr(
                settings_class, "__name__", f"an instance of {type(settings_class).__name__}"
            )
            raise BootError(
                f"ConfigModule.for_root was given {name}; give it a class that derives from "
                "pydantic_settings.BaseSettings"
            )
        return providers.Container(
            ConfigModule, settings=providers.Singleton(_loader(settings_class))
        )


def _loader(settings_class: type[S]) -> Callable[[], S]:
    """Return a function that loads the settings. `Injector` finds it by its return annotation."""

    def load() -> S:
        try:
            return settings_class()
        except ValidationError as error:  # the error's text may contain secret values
            faults = "; ".join(f"{each['path']}: {each['message']}" for each in field_errors(error))
        except SettingsError as error:
            faults = str(error)
        raise BootError(
            f"{settings_class.__name__} cannot be loaded: {faults}. "
            "Set these settings in the environment"
        )

    load.__name__ = settings_class.__name__
    load.__annotations__ = {"return": settings_class}
    return load
