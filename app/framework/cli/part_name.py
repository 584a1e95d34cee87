"""Converts the name of a new part, such as a gateway, to the forms that its files need."""

import re
from dataclasses import dataclass
from typing import Self

_MAX_CHARS = 24
"""The maximum length of a name: longer names would make generated lines exceed 100 columns."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class StarterError(Exception):
    """A command failed, and has written nothing. The text names the problem and the fix."""


@dataclass(frozen=True, slots=True)
class PartName:
    """The name of a part, such as ``poll_votes``, and its other forms."""

    snake: str

    @classmethod
    def parse(cls, text: str, kind: str = "gateway") -> Self:
        """Parse ``poll-votes``, ``poll_votes``, ``pollVotes`` or ``PollVotesGateway``.

        Args:
            text: The name as the user has typed it.
            kind: The kind of the part, such as ``gateway``. The text may end with the kind.

        Raises:
            StarterError: The text is not a valid name for a class, a file and an event.
        """
        if not _NAME.fullmatch(text):
            raise StarterError(
                f"{text!r} cannot name a {kind}; "
                "use letters and digits, and dashes between words, such as poll-votes."
            )
        snake = _HUMP.sub("_", text).replace("-", "_").lower().removesuffix(f"_{kind}")
        if len(snake) > _MAX_CHARS:
            raise StarterError(
                f"{text!r} is too long for a {kind}; use at most {_MAX_CHARS} characters."
            )
        return cls(snake)

    @property
    def fields(self) -> dict[str, str]:
        """The forms of the name, keyed by the placeholders in the templates."""
        return {"name": self.snake, "Name": self.pascal, "event": self.camel}

    @property
    def pascal(self) -> str:
        """The name as a class: ``PollVotes``."""
        return "".join(word.capitalize() for word in self.snake.split("_"))

    @property
    def camel(self) -> str:
        """The name as an event: ``pollVotes``."""
        return self.pascal[0].lower() + self.pascal[1:]
