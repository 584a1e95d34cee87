"""`ConfigService`, which reads settings by name."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, get_origin, overload

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from app.framework.common.exceptions import BootError

S = TypeVar("S", bound=BaseSettings)
V = TypeVar("V")
D = TypeVar("D", bound=str | float | list[Any] | dict[str, Any])


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
    def get(self, path: str, default: None = None, /) -> Any: ...
    @overload
    def get(self, path: str, kind: type[V]) -> V: ...
    @overload
    def get(self, path: str, default: D, /) -> D: ...
    def get(self, path: str, kind: Any = None) -> Any:
        """Return a setting by its field name. ``database.host`` means ``host`` in ``database``.

        Args:
            kind: The type of the setting; or, as in Nest, a default value, which is returned if the
                setting is None. Then the setting must have the type of the default value.

        Raises:
            BootError: There is no such setting, or it has another type.
        """
        is_type = isinstance(kind, type) or get_origin(kind) is not None  # such as int | None
        default = None if is_type else kind
        value: Any = self.settings
        for part in path.split("."):
            if value is None and default is not None:
                break
            value = self._field(value, part, path)
        if default is not None:
            value, kind = default if value is None else value, type(default)
        if kind is not None and not isinstance(value, kind):  # omit the value: it may be a secret
            raise BootError(
                f"'{path}' of {self._name} has the type {type(value).__name__}, not "
                f"{getattr(kind, '__name__', kind)}; ask for its type, or change the field"
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
            # The keys may be numbers, or members of an enum.
            items = owner.items() if isinstance(owner, Mapping) else ()
            values = {str(key): value for key, value in items}
            names = [*values]
            if name in names:
                return values[name]
        known = f"its settings are {', '.join(names)}" if names else "it has no settings"
        raise BootError(f"{self._name} has no setting '{path}': '{name}' is unknown, {known}")
