"""The rules of the game."""

from dataclasses import dataclass, field

_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


class IllegalMove(Exception):
    """A player made a move that the rules do not allow."""


@dataclass
class Match:
    """A match between two players. The first player begins."""

    id: str
    players: tuple[str, str]
    cells: list[str | None] = field(default_factory=lambda: [None] * 9)
    turn: int = 0
    winner: str | None = None

    @property
    def current(self) -> str:
        """The player whose turn it is."""
        return self.players[self.turn % 2]

    def opponent_of(self, player: str) -> str:
        """Return the other player."""
        return self.players[1 - self.players.index(player)]

    def move(self, player: str, cell: int) -> None:
        """Claim a cell; raise `IllegalMove` if the rules do not allow it."""
        if self.winner is not None or player != self.current:
            raise IllegalMove("it is not your turn")
        if not 0 <= cell < len(self.cells) or self.cells[cell] is not None:
            raise IllegalMove("the cell is taken")
        self.cells[cell] = player
        self.turn += 1
        if any(all(self.cells[each] == player for each in line) for line in _LINES):
            self.winner = player
