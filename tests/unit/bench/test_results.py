from pathlib import Path

import pytest

from bench.measured_servers import NEST, OURS
from bench.readings import Figure
from bench.results import load_results, ratio, save_results
from tests.unit.bench.runs import cpu, example_run, run


def test_median_is_the_middle_round_when_one_was_disturbed() -> None:
    results = run(*cpu(OURS, "ack", 11.0, 90.0, 10.0))

    assert 11.0 == results.median(OURS, "ack", Figure.CPU_US)


def test_median_is_none_when_nothing_was_measured() -> None:
    results = run(*cpu(OURS, "ack", 11.0))

    assert results.median(NEST, "ack", Figure.CPU_US) is None
    assert results.median(OURS, "ack", Figure.MEMORY_KB) is None


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [(280.0, 10.0, 28.0), (None, 10.0, None), (280.0, None, None), (280.0, 0.0, None)],
)
def test_ratio_is_none_when_it_cannot_be_said(
    theirs: float | None, ours: float | None, expected: float | None
) -> None:
    """The ratio is None if one of the figures is missing or zero."""
    assert expected == ratio(theirs, ours)


def test_results_are_the_same_when_read_again(tmp_path: Path) -> None:
    results, file = example_run(), tmp_path / "results.json"

    save_results(results, file)

    assert results == load_results(file)
