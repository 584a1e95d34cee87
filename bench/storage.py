"""``make storage``: measures storing messages and reading missed ones, on each database."""

import sys
from argparse import ArgumentParser, Namespace

from bench import missed_messages, storing_messages
from bench.failure import BenchError
from bench.machine import machine


def main(arguments: list[str]) -> None:
    """Print both tables.

    Raises:
        BenchError: Something is missing or does not run.
    """
    asked = _parse(arguments)
    print(machine(), flush=True)
    if asked.only in {None, "storing"}:
        print(f"\n{storing_messages.HEADING}", flush=True)
        for comparison in storing_messages.compare(asked.rounds):
            print(comparison.row(), flush=True)
    if asked.only in {None, "missed"}:
        print(f"\n{missed_messages.HEADING}", flush=True)
        for found in missed_messages.find():
            print(found.row(), flush=True)


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make storage ARGS=...", description=__doc__)
    parser.add_argument("--only", choices=("storing", "missed"))
    parser.add_argument("--rounds", type=int, default=storing_messages.ROUNDS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
