import subprocess

import pytest

from app.domain.text import is_blank

_LIST_BLANKS = r"""
const blank = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}]$/u;
const isText = (point) => point < 0xd800 || point > 0xdfff;
const points = Array.from({ length: 0x110000 }, (_, point) => point).filter(isText);
console.log(points.filter((point) => blank.test(String.fromCodePoint(point))).join(" "));
"""

_WITHOUT_A_GLYPH = {0x2800, 0xFFF9, 0xFFFA, 0xFFFB, 0x16FE4, 0x1D159, *range(0x13430, 0x13440)}


def test_blank_characters_are_those_of_unicode_and_some_without_a_glyph() -> None:
    """The rule uses properties of Unicode that JavaScript has too, so frontends can apply it."""
    listed = subprocess.run(  # noqa: S603 - our own script
        ["node", "--eval", _LIST_BLANKS],  # noqa: S607 - as on the path
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    blanks = {point for point in range(0x110000) if is_blank(chr(point))}

    assert {int(point) for point in listed.split()} | _WITHOUT_A_GLYPH == blanks


@pytest.mark.parametrize(
    "text",
    [
        "\u200b",
        "\u2800\u2800",
        "\u3164",
        "\u115f\u1160\uffa0",
        " \u200d \ufe0f",
        "\U000e0041\U000e007f",
        "\u2066\u2069",
        "\u180e\xad\u034f",
        "",
    ],
    ids=ascii,
)
def test_text_is_blank_when_every_character_is_invisible(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "\u200bx",
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "\u0600",
        "\u0301",
        "🏴\U000e0067\U000e007f",
        "ㅤ가",
    ],
    ids=ascii,
)
def test_text_is_not_blank_when_one_character_is_visible(text: str) -> None:
    """Joiners and variation selectors next to a visible character do not make a text blank."""
    assert not is_blank(text)
