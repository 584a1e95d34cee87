from bench.lineup import BARE, OURS
from bench.readings import Figure
from bench.results import Sample
from bench.rows import ROWS
from bench.verdicts import at_least, at_most, verdicts
from bench.workloads import WORKLOADS
from tests.unit.bench.runs import cpu, run, spoken


def test_target_passes_when_it_is_met_exactly() -> None:
    """The bound belongs to what is asked."""
    assert "PASS" == at_least("ack", 15.0, 15.0).word
    assert "PASS" == at_most("disconnect", 60.0, 60.0, "µs").word


def test_target_is_missed_when_it_is_nearly_met() -> None:
    """Rounding makes no pass."""
    assert "MISS" == at_least("ack", 14.999, 15.0).word
    assert "MISS" == at_most("disconnect", 60.01, 60.0, "µs").word


def test_verdicts_compare_with_each_peer_that_was_measured() -> None:
    """28 times cheaper than NestJS, 1.2 times than socket.io, 3 µs of pipeline."""
    found = [(each.word, each.found) for each in verdicts(spoken())]

    assert [("PASS", "28.00x"), ("MISS", "1.20x"), ("PASS", "3.0 µs")] == found


def test_disconnect_is_not_flat_when_more_connections_make_it_dearer() -> None:
    """Cheap enough, and yet a scan of all connections."""
    results = run(
        Sample(OURS, "idle5k", 0, {Figure.DISCONNECT_US: 20.0}),
        Sample(OURS, "idle19k", 0, {Figure.DISCONNECT_US: 50.0}),
    )

    found = {each.title: each.word for each in verdicts(results)}

    assert {
        "disconnect, CPU each, 5,000 open": "PASS",
        "disconnect, CPU each, 19,000 open": "PASS",
        "disconnect, 19,000 open to 5,000 open": "MISS",
    } == found


def test_pipeline_has_no_verdict_when_only_the_bare_gateway_was_measured() -> None:
    """A difference needs both."""
    assert () == verdicts(run(*cpu(BARE, "ack", 7.0)))


def test_rows_name_workloads_that_there_are() -> None:
    """A row without its workload would stay empty for good."""
    assert set() == {row.workload for row in ROWS} - set(WORKLOADS)
