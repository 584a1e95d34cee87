"""A provider with Nest's transient scope: each class that uses it gets its own instance."""


class History:
    """Keeps the lines that its owner has added."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(line)
