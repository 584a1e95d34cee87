"""Plays every scenario in a short form."""

import random
from pathlib import Path

import pytest

from tests.reliability.scenario import Scenario, play
from tests.reliability.scenarios import SCENARIOS, SHORT


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
async def test_every_invariant_holds_when_faults_occur(
    scenario: Scenario, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No acked message is lost or stored twice, and all devices see one order."""
    postgres = request.getfixturevalue("postgres_server") if scenario.uses_postgres else None
    seed = random.randrange(1_000_000)  # pytest-randomly has seeded `random`.

    outcome = await play(scenario, SHORT, seed, tmp_path, postgres)

    assert [] == outcome.violations, outcome
