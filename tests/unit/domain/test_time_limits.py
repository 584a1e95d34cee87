from typing import get_args

import pytest
from annotated_types import Le

from app.adapters.sql.connection.limits import DEFAULT_LIMITS
from app.config.setting_types import DatabaseSeconds
from app.domain.time_limits import (
    CLIENT_SECONDS,
    CLOSING_SECONDS,
    COMMIT_SECONDS,
    DRAIN_TIMEOUT_SECONDS,
    OPERATION_SECONDS,
    UNCONFIRMED_SECONDS,
    WAIT_SECONDS,
)


def longest_database_timeout() -> float:
    (field,) = (each for each in get_args(DatabaseSeconds) if hasattr(each, "metadata"))
    (bound,) = (each.le for each in field.metadata if isinstance(each, Le))
    assert isinstance(bound, float)
    return bound


@pytest.mark.parametrize(
    ("first", "later"),
    [
        pytest.param(longest_database_timeout(), OPERATION_SECONDS, id="database-operation"),
        pytest.param(OPERATION_SECONDS, WAIT_SECONDS, id="operation-service"),
        pytest.param(WAIT_SECONDS, CLIENT_SECONDS, id="service-client"),
        pytest.param(CLIENT_SECONDS, COMMIT_SECONDS, id="client-commit"),
        pytest.param(
            OPERATION_SECONDS + COMMIT_SECONDS, UNCONFIRMED_SECONDS, id="commit-unconfirmed"
        ),
        pytest.param(OPERATION_SECONDS, DRAIN_TIMEOUT_SECONDS, id="operation-drain"),
    ],
)
def test_limit_applies_before_the_next_one(first: float, later: float) -> None:
    assert first < later


def test_services_are_drained_before_closing_is_cut_off() -> None:
    assert DRAIN_TIMEOUT_SECONDS <= CLOSING_SECONDS


def test_database_keeps_the_limit_of_an_operation_by_default() -> None:
    timeouts = (
        DEFAULT_LIMITS.pool_timeout_seconds,
        DEFAULT_LIMITS.statement_timeout_seconds,
        DEFAULT_LIMITS.lock_timeout_seconds,
    )

    assert OPERATION_SECONDS == DEFAULT_LIMITS.answer_seconds
    assert max(timeouts) <= longest_database_timeout()
