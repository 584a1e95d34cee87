"""A log of its own for each class that uses it: Nest's transient scope."""


class History:
    """Keeps what its owner has done."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(line)
