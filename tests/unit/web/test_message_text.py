"""Tests that app/web/message_text.js and app/domain/text.py agree."""

import subprocess
from pathlib import Path

from app.domain.text import is_blank

WEB = Path(__file__).parents[3] / "app" / "web"

SURROGATES = range(0xD800, 0xE000)

PRINT_BLANK = """
const { isBlank } = await import(process.argv[1]);
const blank = [];
for (let each = 0; each <= 0x10ffff; each += 1) {
  if (isBlank(String.fromCodePoint(each))) blank.push(each);
}
console.log(blank.join(" "));
"""


def test_page_and_server_agree_when_a_message_is_a_single_character() -> None:
    """The page and the server agree on which characters are blank."""
    printed = subprocess.run(  # noqa: S603 - our own file
        ["node", "--input-type=module", "--eval", PRINT_BLANK, WEB / "message_text.js"],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    blank_here = {each for each in range(0x110000) if is_blank(chr(each))}
    assert blank_here == set(map(int, printed.stdout.split())) - set(SURROGATES)
