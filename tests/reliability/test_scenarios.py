"""Plays the scenarios in a short form, except the long ones."""

import random
from pathlib import Path

import pytest

from tests.reliability.scenario import Scenario, play
from tests.reliability.scenarios import SCENARIOS, SHORT, SHORT_CLUSTER

_PLAYED = [each for each in SCENARIOS if not each.is_long]


@pytest.mark.parametrize("scenario", _PLAYED, ids=[each.name for each in _PLAYED])
async def test_every_invariant_holds_when_faults_occur(
    scenario: Scenario, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No acked message is lost or stored twice, and all devices see one order."""
    postgres = request.getfixturevalue("postgres_server") if scenario.uses_postgres else None
    seed = random.randrange(1_000_000)  # pytest-randomly has seeded `random`.
    size = SHORT_CLUSTER if scenario.cluster else SHORT

    outcome = await play(scenario, size, seed, tmp_path, postgres)

    assert [] == outcome.violations, outcome
