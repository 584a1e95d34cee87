import pytest

from bench.failure import BenchError
from bench.readings import Figure, parse_reading, troubles


def test_reading_has_the_figures_that_were_measured() -> None:
    """A reading contains only known figures that were measured."""
    reading = parse_reading('measuring\n{"mode":"ack","failed":0,"cpu_us_per_unit":11.5,"later":1}')

    assert {Figure.FAILED: 0.0, Figure.CPU_US: 11.5} == reading


@pytest.mark.parametrize("text", ["", "Killed", '{"cpu_us_per_unit": null}', "3"])
def test_reading_is_refused_when_it_is_none(text: str) -> None:
    """Output without valid figures raises an error, instead of counting as figures of 0."""
    with pytest.raises(BenchError):
        parse_reading(text)


def test_troubles_are_none_when_the_generator_had_time() -> None:
    assert [] == troubles({Figure.GENERATOR_SHARE: 0.5, Figure.FAILED: 0})


def test_troubles_name_the_generator_when_it_is_the_limit() -> None:
    """The warning says that the load generator, not the server, limited the throughput."""
    (trouble,) = troubles({Figure.GENERATOR_SHARE: 0.97})

    assert trouble.startswith("the load generator is the limit, with 97% of its core")


def test_troubles_count_what_was_lost() -> None:
    """The warnings count failed connections, closed connections and refused events."""
    found = troubles({Figure.FAILED: 2, Figure.DROPPED: 3, Figure.REFUSED: 4})

    assert [
        "2 connections failed",
        "3 connections were closed by the server",
        "4 events were answered with an error",
    ] == found
