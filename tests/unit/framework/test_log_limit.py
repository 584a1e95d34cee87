from app.framework.log_limit import LOG_INTERVAL_SECONDS, LogLimit


def test_one_line_passes_when_many_come_in_an_interval() -> None:
    """The next one says how many did not."""
    limit = LogLimit()

    first = [limit.passes(now) for now in (5.0, 6.0, 5.0 + LOG_INTERVAL_SECONDS - 1)]
    later = [limit.passes(5.0 + LOG_INTERVAL_SECONDS), limit.passes(1_000.0)]

    assert [0, None, None] == first
    assert [2, 0] == later
