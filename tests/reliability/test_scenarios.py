"""The short form of `make reliability`."""

import random
from pathlib import Path

import pytest

from tests.reliability.scenario import Scenario, play
from tests.reliability.scenarios import SCENARIOS, SHORT


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
async def test_every_promise_holds_when_things_go_wrong(
    scenario: Scenario, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing that was acked is lost, nothing is doubled, nobody sees another order."""
    postgres = request.getfixturevalue("postgres_server") if scenario.uses_postgres else None
    seed = random.randrange(1_000_000)  # follows from -p randomly's own

    outcome = await play(scenario, SHORT, seed, tmp_path, postgres)

    assert [] == outcome.violations, outcome
