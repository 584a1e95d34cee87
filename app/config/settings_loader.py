"""Loads the settings, and describes each invalid setting in a sentence."""

import os
import re
from difflib import get_close_matches

from dotenv import dotenv_values
from pydantic import AliasChoices, ValidationError
from pydantic_core import ErrorDetails

from app.config.settings import Settings

_SIMILARITY = 0.85
"""The similarity (0 to 1) to a setting's name from which an unknown name counts as misspelt."""

_KNOWN_TO_OTHERS = frozenset({"CLERK_SECRET_KEY", "DIRECT_URL", "JWT_SECRET"})
"""Variables that deployments of ChatGenius set, but this server does not read."""

# Maps the first words of pydantic's messages to the words that replace them. In a `SettingsError`,
# the name of the setting precedes these words, as in "PORT must be ...".
_OPENINGS = {"Value error, ": "", "Input should": "must", "Value should": "must", "value ": ""}
_PYDANTIC_OPENING = re.compile("|".join(f"^{opening}" for opening in _OPENINGS))


class SettingsError(Exception):
    """The settings are invalid. The text has one line per problem: setting, problem, remedy."""


def load_settings() -> Settings:
    """Read and check the environment and `.env`.

    Raises:
        SettingsError: Settings are invalid, or `.env` cannot be read. The text names the invalid
            and the misspelt settings, but quotes no value, because a value may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        # Raise `from None`, because the original error contains the values.
        details = error.errors(include_url=False, include_input=False)
        raise SettingsError("\n".join([*_sentences(details), *misspelt_settings()])) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f".env cannot be read ({type(error).__name__}): fix the file or remove it."
        ) from None


def misspelt_settings() -> list[str]:
    """Return a sentence for each name in ``.env`` or the environment that looks misspelt."""
    fields = Settings.model_fields.items()
    aliases = (field.validation_alias for _, field in fields)
    known = {name.upper() for name, _ in fields} | {
        str(choice).upper()
        for alias in aliases
        if isinstance(alias, AliasChoices)
        for choice in alias.choices
    }
    named = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    unknown = sorted(named - known - _KNOWN_TO_OTHERS)
    nearest = {name: get_close_matches(name, known, n=1, cutoff=_SIMILARITY) for name in unknown}
    return [
        f"{name} is not a setting; did you mean {found[0]}?"
        for name, found in nearest.items()
        if found
    ]


def _sentences(details: list[ErrorDetails]) -> list[str]:
    return [
        _sentence(detail)
        for detail in details
        # Omit the error of a default that depends on an invalid setting: the invalid setting has
        # an error of its own.
        if detail["type"] != "default_factory_not_called"
    ]


def _sentence(detail: ErrorDetails) -> str:
    text = _PYDANTIC_OPENING.sub(lambda opening: _OPENINGS[opening[0]], detail["msg"])
    if not detail["loc"]:
        return f"{text}."
    name, *entry = (str(part) for part in detail["loc"])
    which = f"{name.upper()}, entry {int(entry[0]) + 1}," if entry else name.upper()
    return f"{which} {text} ({Settings.model_fields[name].description})."
