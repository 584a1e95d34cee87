"""Plays every scenario at full length and prints the violations (``make reliability``)."""

import asyncio
import random
import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres_server import PostgresServer
from tests.reliability.scenario import Scenario, Size, play
from tests.reliability.scenarios import LONG, SCENARIOS


def main(arguments: list[str]) -> int:
    """Print a line for each scenario and each violation; return 1 if there is a violation."""
    asked = _parse(arguments)
    size = replace(LONG, messages=asked.messages, faults=asked.faults, crowd=asked.crowd)
    scenarios = [each for each in SCENARIOS if asked.only in each.name]
    with ExitStack() as stack:
        postgres = None
        if any(each.uses_postgres for each in scenarios):
            postgres = PostgresServer()
            stack.callback(postgres.remove)
        return max(_play(each, size, asked.seed, postgres) for each in scenarios)


def _play(scenario: Scenario, size: Size, seed: int, postgres: PostgresServer | None) -> int:
    with TemporaryDirectory(prefix="reliability-") as folder:
        outcome = asyncio.run(play(scenario, size, seed, Path(folder), postgres))
    print(outcome, flush=True)
    return 1 if outcome.violations else 0


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make reliability ARGS=...", description=__doc__)
    messages = "number of messages in each scenario"
    parser.add_argument("--messages", type=int, default=LONG.messages, help=messages)
    faults = "number of faults in each scenario"
    parser.add_argument("--faults", type=int, default=LONG.faults, help=faults)
    crowd = "number of clients that only reconnect, if processes are restarted"
    parser.add_argument("--crowd", type=int, default=LONG.crowd, help=crowd)
    parser.add_argument("--only", default="", help="play scenarios whose names contain this")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
