"""Settings of the protocol that a later version brings: whoever sets one is told, at the start."""

from pydantic_settings import BaseSettings, SettingsConfigDict

_NOTHING_ASKED = {"web_concurrency": "1"}
"""Values that ask for no more than this version does."""


class _LaterSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    web_concurrency: str | None = None


def settings_without_effect() -> tuple[str, ...]:
    """The names of those that are set, in the environment or in ``.env``; never their values."""
    given = _LaterSettings().model_dump(exclude_unset=True)
    return tuple(name.upper() for name in given if given[name] != _NOTHING_ASKED.get(name))
