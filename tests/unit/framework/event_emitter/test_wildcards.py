import pytest

from app.framework.event_emitter.wildcards import matches


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.*.c", "a.b.c", True),
        ("*", "a", True),
        ("*", "a.b", False),
        ("**", "a", True),
        ("**", "a.b.c", True),
        ("a.**", "a", True),
        ("a.**", "a.b.c", True),
        ("a.**", "b", False),
        ("**.c", "c", True),
        ("**.c", "a.b.c", True),
        ("**.c", "a.c.b", False),
        ("a.**.c", "a.c", True),
        ("a.**.c", "a.b.b.c", True),
        ("**.b.**", "a.b.c", True),
        ("**.b.**", "a.c", False),
    ],
)
def test_pattern_matches_names_as_in_eventemitter2(pattern: str, name: str, expected: bool) -> None:  # noqa: FBT001 - a parameter
    """eventemitter2 6.4 gives the same result for each of these cases."""
    assert expected is matches(pattern.split("."), name.split("."))


def test_matching_ends_when_pattern_and_name_are_long() -> None:
    """A backtracking algorithm would take years for this case."""
    assert not matches(["**", "a"] * 50, [*"a" * 500, "b"])
