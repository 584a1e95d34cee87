"""Tests the layout of app/ and of tests/unit/."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
MAX_MODULES = 16
PATH = re.compile(
    r"[\w.-]*/[\w./-]*\w/?|[\w-]+\.(?:py|txt|md|toml)|\.env\.example|(?:Make|Docker)file"
)
"""A path in a docstring: any text with a slash, or the name of a file in the project's root."""


def covers_an_existing_module(test: Path) -> bool:
    """Return whether a test has the same path as a module, or names an existing module."""
    mirrored = test.relative_to(UNIT).with_name(test.name.removeprefix("test_"))
    if (ROOT / "app" / mirrored).exists() or (ROOT / mirrored).exists():
        return True
    named = PATH.findall(ast.get_docstring(ast.parse(test.read_text())) or "")
    return bool(named) and all((ROOT / path).exists() for path in named)


def test_every_unit_test_mirrors_a_module_or_names_what_it_covers() -> None:
    tests = sorted(UNIT.rglob("test_*.py"))

    strays = [str(test.relative_to(ROOT)) for test in tests if not covers_an_existing_module(test)]

    assert tests
    assert [] == strays


def test_no_folder_holds_too_many_modules() -> None:
    folders = [each.parent for each in (ROOT / "app").rglob("__init__.py")]
    modules = {
        str(folder.relative_to(ROOT)): sum(
            each.name != "__init__.py" for each in folder.glob("*.py")
        )
        for folder in folders
    }

    assert "app" in modules
    assert {} == {folder: count for folder, count in modules.items() if count > MAX_MODULES}
