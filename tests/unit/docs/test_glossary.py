"""Tests docs/glossary.md."""

import ast
import re
from functools import cache

import pytest

from tests.unit.docs.markdown import ROOT, codes

PAGE = ROOT / "docs" / "glossary.md"
PARAGRAPHS = PAGE.read_text(encoding="utf-8").split("\n\n")[2:]
TERMS = [pytest.param(text, id=text.partition(".")[0].strip("*")) for text in PARAGRAPHS]
CLASS = re.compile(r"[A-Z][A-Za-z]+")
ELSEWHERE = frozenset({"DeclarativeContainer", "Protocol"})
"""Classes that belong to libraries, not to app/."""


@cache
def classes() -> frozenset[str]:
    trees = (ast.parse(file.read_text()) for file in (ROOT / "app").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(node.name for node in nodes if isinstance(node, ast.ClassDef))


@pytest.mark.parametrize("paragraph", TERMS)
def test_term_names_classes_and_paths_that_exist(paragraph: str) -> None:
    """Each term names at least one class or path, and every named class or path exists."""
    named = codes(" ".join(paragraph.split()))

    paths = [name for name in named if name.startswith("app/")]
    found = [name for name in named if CLASS.fullmatch(name)]

    assert paths or found
    assert [] == [path for path in paths if not (ROOT / path).exists()]
    assert set() == set(found) - classes() - ELSEWHERE


def test_terms_are_sorted() -> None:
    names = [text.partition(".")[0].strip("*").casefold() for text in PARAGRAPHS]

    assert sorted(names) == names
