"""A new gateway's name, in the spellings its files need."""

import re
from dataclasses import dataclass
from typing import Self

_MAX_CHARS = 24
"""So that no line of the templates passes 100 columns."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class StarterError(Exception):
    """Nothing was written; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class GatewayName:
    """``poll_votes``, of which the others follow."""

    snake: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take ``poll-votes``, ``poll_votes``, ``pollVotes`` or ``PollVotesGateway``.

        Raises:
            StarterError: It is no name for a class, a file and an event.
        """
        if not _NAME.fullmatch(text):
            raise StarterError(
                f"{text!r} is no name for a gateway; "
                "take letters and digits, and dashes between words: poll-votes."
            )
        snake = _HUMP.sub("_", text).replace("-", "_").lower().removesuffix("_gateway")
        if len(snake) > _MAX_CHARS:
            raise StarterError(
                f"{text!r} is too long for a gateway; take {_MAX_CHARS} characters at most."
            )
        return cls(snake)

    @property
    def pascal(self) -> str:
        """``PollVotes``: of classes."""
        return "".join(word.capitalize() for word in self.snake.split("_"))

    @property
    def camel(self) -> str:
        """``pollVotes``: of the event."""
        return self.pascal[0].lower() + self.pascal[1:]
