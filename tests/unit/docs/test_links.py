"""Tests the links of README.md and of the pages in docs/."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.markdown import PAGES, ROOT, RUN_HERE, codes, links, name_of

PATH = re.compile(r"(?:app|bench|docs|scripts|tests|typings)/[\w./-]+")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    local = [link for link in links(page) if "://" not in link]

    missing = [link for link in local if not (page.parent / link).exists()]

    assert [] == missing


@pytest.mark.parametrize("page", RUN_HERE, ids=name_of)
def test_paths_named_on_a_page_exist(page: Path) -> None:
    """Every path in backticks that starts with a folder of the project exists."""
    named = [name for name in codes(page.read_text(encoding="utf-8")) if PATH.fullmatch(name)]

    missing = [name for name in named if not (ROOT / name).exists()]

    assert [] == missing


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=name_of)
def test_pages_are_linked_from_another_page(page: Path) -> None:
    elsewhere = [other for other in PAGES if other != page]

    targets = {(other.parent / link).resolve() for other in elsewhere for link in links(other)}

    assert page in targets
