import os
import resource
from collections.abc import Iterator

import pytest

from app.adapters.system.file_descriptors import (
    ENOUGH,
    FEW,
    DescriptorWatch,
    current_limit,
    raise_limit,
    warn_if_low,
)
from tests.doubles.manual_clock import ManualClock


@pytest.fixture(autouse=True)
def _limits_as_they_were() -> Iterator[None]:
    """Restore the soft limit after the test. The hard limit is never changed."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def set_soft_limit(limit: int) -> None:
    """Set the soft limit of this process's open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def leave_none() -> None:
    """Open files until no file descriptor is left."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    set_soft_limit(lowest)


def test_limit_is_raised_to_the_hard_one_when_the_server_starts() -> None:
    """The soft limit of a login shell is often only 1,024 or 256 open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    set_soft_limit(256)

    raised = raise_limit()

    assert min(hard if hard != resource.RLIM_INFINITY else ENOUGH, ENOUGH) == raised
    assert current_limit() == raised


def test_limit_is_warned_of_when_it_is_low(caplog: pytest.LogCaptureFixture) -> None:
    """The warning contains the limit, and the command that raises it."""
    warn_if_low(FEW)
    warn_if_low(1_024)

    (line,) = caplog.messages
    assert line.startswith("the limit of open files is 1024")
    assert "LimitNOFILE" in line


async def test_exhaustion_is_logged_once_a_minute_when_it_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without file descriptors, uvloop closes the connections of new clients without logging."""
    clock = ManualClock()
    watch = DescriptorWatch(clock)
    await watch.on_application_bootstrap()
    clock.advance(5)
    before = list(caplog.messages)

    leave_none()
    limit = current_limit()
    clock.advance(59)
    first = list(caplog.messages)
    clock.advance(2)
    raise_limit()
    clock.advance(600)
    await watch.on_application_shutdown(None)

    assert ([], 1) == (before, len(first))
    assert first[0].startswith(f"no file descriptor is left (limit {limit})")
    assert 2 == len(caplog.messages)


async def test_nothing_is_looked_at_when_the_watch_has_ended() -> None:
    """No check is scheduled after the shutdown, or if the watch never started."""
    clock = ManualClock()
    watch = DescriptorWatch(clock)
    await DescriptorWatch(clock).on_application_shutdown(None)
    await watch.on_application_bootstrap()

    await watch.on_application_shutdown(None)

    assert [] == [timer for _, _, timer in clock._timers if timer._callback is not None]
