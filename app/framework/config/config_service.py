"""`ConfigService`, which reads settings by name."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from app.framework.common.exceptions import BootError

S = TypeVar("S", bound=BaseSettings)
V = TypeVar("V")


class ConfigService(Generic[S]):
    """Nest's ``ConfigService``.

    ``config.settings.database.host``, which type checkers understand, is the same value as
    ``config.get("database.host")``.

    Attributes:
        settings: The validated settings.
    """

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @overload
    def get(self, path: str) -> Any: ...
    @overload
    def get(self, path: str, kind: type[V]) -> V: ...
    def get(self, path: str, kind: type[Any] = object) -> Any:
        """Return a setting by its field name. ``database.host`` means ``host`` in ``database``.

        Raises:
            BootError: There is no such setting, or it is not an instance of ``kind``.
        """
        value: Any = self.settings
        for part in path.split("."):
            value = self._field(value, part, path)
        if not isinstance(value, kind):  # omit the value: it may be a secret
            raise BootError(
                f"'{path}' of {self._name} has the type {type(value).__name__}, not "
                f"{kind.__name__}; ask for its type, or change the field"
            )
        return value

    @overload
    def get_or_throw(self, path: str) -> Any: ...
    @overload
    def get_or_throw(self, path: str, kind: type[V]) -> V: ...
    def get_or_throw(self, path: str, kind: type[Any] = object) -> Any:
        """Return a setting like `get`, but raise `BootError` if it is None."""
        if self.get(path) is None:
            raise BootError(f"{self._name} has no value for '{path}'; set it in the environment")
        return self.get(path, kind)

    @property
    def _name(self) -> str:
        return type(self.settings).__name__

    def _field(self, owner: Any, name: str, path: str) -> Any:
        if owner is None:
            raise BootError(
                f"{self._name} has no value for '{path}', because the setting before '{name}' is "
                "None; set it in the environment"
            )
        if isinstance(owner, BaseModel):
            # Allow computed fields as well, but no plain properties, methods or private attributes.
            names = [*type(owner).model_fields, *type(owner).model_computed_fields]
            if name in names:
                return getattr(owner, name)
        else:
            names = [*map(str, owner)] if isinstance(owner, Mapping) else []
            if name in names:
                return owner[name]
        known = f"its settings are {', '.join(names)}" if names else "it has no settings"
        raise BootError(f"{self._name} has no setting '{path}': '{name}' is unknown, {known}")
