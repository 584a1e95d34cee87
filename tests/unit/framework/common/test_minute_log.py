import pytest

from app.framework.common.minute_log import MAX_SUBJECTS, MINUTE_SECONDS, OTHERS, MinuteLog
from tests.doubles.manual_clock import ManualClock

Lines = list[tuple[str, str, int]]


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(lines: Lines, clock: ManualClock) -> MinuteLog:
    return MinuteLog(lambda *line: lines.append(line), clock.call_later)


def test_log_writes_at_once_when_a_subject_is_new(log: MinuteLog, lines: Lines) -> None:
    """Each combination of text and subject has a line of its own."""
    log.count("refused", "a")
    log.count("refused", "b")
    log.count("closed", "a")

    assert [("refused", "a", 1), ("refused", "b", 1), ("closed", "a", 1)] == lines


def test_log_writes_one_line_a_minute_when_a_subject_goes_on(
    log: MinuteLog, lines: Lines, clock: ManualClock
) -> None:
    """The line states the number of occurrences since the previous line."""
    for _ in range(3 * 60):
        log.count("refused", "a")
        clock.advance(1)

    assert [1, 59, 60, 60] == [times for _, _, times in lines]


def test_log_writes_at_once_when_a_subject_was_quiet_for_a_minute(
    log: MinuteLog, lines: Lines, clock: ManualClock
) -> None:
    """A subject is dropped after a minute without occurrences."""
    log.count("refused", "a")
    clock.advance(MINUTE_SECONDS)
    log.count("refused", "a")

    assert [("refused", "a", 1)] * 2 == lines


def test_log_counts_subjects_together_when_there_are_too_many(
    log: MinuteLog, lines: Lines, clock: ManualClock
) -> None:
    """Memory and the number of lines are bounded, however many subjects there are."""
    for number in range(MAX_SUBJECTS + 500):
        log.count("refused", str(number))
    clock.advance(MINUTE_SECONDS)

    assert MAX_SUBJECTS + 2 == len(lines)
    assert [("refused", OTHERS, 1), ("refused", OTHERS, 499)] == lines[MAX_SUBJECTS:]


def test_log_counts_few_subjects_apart_when_clients_can_make_them_up(
    lines: Lines, clock: ManualClock
) -> None:
    """The caller of the log chooses the maximum number of subjects."""
    log = MinuteLog(lambda *line: lines.append(line), clock.call_later, max_subjects=2)

    for subject in ("a", "b", "c", "d", "a"):
        log.count("refused", subject)

    assert [("refused", "a", 1), ("refused", "b", 1), ("refused", OTHERS, 1)] == lines


async def test_log_uses_the_event_loop_when_it_is_given_no_timer(lines: Lines) -> None:
    log = MinuteLog(lambda *line: lines.append(line))

    log.count("refused", "a")

    assert [("refused", "a", 1)] == lines
