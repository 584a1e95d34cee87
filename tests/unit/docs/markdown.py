"""Reads pages of the documentation: their code blocks, tables and links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))

RUN_END_TO_END = tuple(
    ROOT / "docs" / name for name in ("framework.md", "quickstart.md", "writing-a-gateway.md")
)
"""Pages that only end-to-end tests run: their blocks need a server or write files."""

RUN_HERE = tuple(page for page in PAGES if page not in RUN_END_TO_END)

_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w/.-]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Attributes:
        line: The line of the page on which the code begins.
        file: The name of the file that the reader creates, from the line above the block.
    """

    language: str
    code: str
    line: int
    file: str | None


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def all_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["language"],
            found["code"],
            text.count("\n", 0, found.start("code")) + 1,
            found["file"],
        )
        for found in _BLOCK.finditer(text)
    ]


def blocks(page: Path, language: str) -> list[Block]:
    """Return the page's blocks in one language, in order."""
    return [block for block in all_blocks(page) if block.language == language]


def table(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, row by row, without the header."""
    lines = [line for line in _section(page, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def bullets(page: Path, heading: str) -> list[str]:
    """Return the entries of the list below a heading; an entry of several lines has line breaks."""
    section = _section(page, heading)
    return re.findall(r"^- (.+(?:\n  .+)*)", section, flags=re.MULTILINE)


def codes(text: str) -> list[str]:
    return _CODE.findall(text)


def links(page: Path) -> list[str]:
    """Return the targets of the page's links, without their anchors."""
    return _LINK.findall(page.read_text(encoding="utf-8"))


def _section(page: Path, heading: str) -> str:
    _, found, below = page.read_text(encoding="utf-8").partition(f"# {heading}\n")
    assert found, f"{name_of(page)} has no heading '{heading}'"
    return re.split(r"^#", below, maxsplit=1, flags=re.MULTILINE)[0]
