from pathlib import Path

import pytest

from bench.failure import BenchError
from bench.folders import PAGE
from bench.measured_servers import OURS
from bench.readings import Figure
from bench.report import BEGIN, END, figure_text, report, write_report
from bench.results import Sample
from bench.rows import Row
from tests.unit.bench.runs import example_run, run


def _cells(text: str, title: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if f"| {title} " in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_report_has_each_server_and_the_ratios() -> None:
    """The report shows a dash for each figure that was not measured."""
    figures, _ = _cells(report(example_run()), "guarded event with ack, CPU")

    assert ["10.0 µs", "280 µs", "12.0 µs", "-", "28.0", "1.2"] == figures[1:]


def test_report_shows_extra_rows_beside_ours() -> None:
    """The second table compares this server with its variants: on SQLite, and the bare gateway."""
    *_, extra = _cells(report(example_run()), "room of 100")

    assert ["room of 100", "3.00 µs", "6.00 µs", "-"] == extra


def test_report_says_when_the_generator_was_the_limit() -> None:
    """The throughput is marked with "(generator)"."""
    reading = {
        Figure.CPU_US: 4.0,
        Figure.PER_SECOND: 200_000.0,
        Figure.P50_US: 1000.0,
        Figure.P99_US: 2000.0,
        Figure.GENERATOR_SHARE: 0.99,
    }

    text = report(run(Sample(OURS, "ack16", 0, reading)))

    assert "200,000; 1.00 / 2.00 (generator)" in text


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("µs", 3.456, "3.46 µs"),
        ("µs", 34.56, "34.6 µs"),
        ("µs", 3456.7, "3,457 µs"),
        ("%", 0.0123, "1.23 %"),
        ("kB", None, "-"),
    ],
)
def test_figure_has_three_digits_and_its_unit(
    unit: str, value: float | None, expected: str
) -> None:
    assert expected == figure_text(Row("a row", "ack", Figure.CPU_US, unit), value)


def test_page_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    """Only the text between the two markers is replaced."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write_report("new", page)

    assert f"before\n{BEGIN}\nnew\n{END}\nafter\n" == page.read_text()


def test_page_is_left_alone_when_it_has_no_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("somebody's own\n")

    with pytest.raises(BenchError, match=r"page\.md has no"):
        write_report("new", page)

    assert "somebody's own\n" == page.read_text()


def test_documentation_has_the_markers() -> None:
    """The page ``docs/performance.md`` has both markers."""
    text = PAGE.read_text(encoding="utf-8")

    assert text.index(BEGIN) < text.index(END)
