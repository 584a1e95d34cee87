"""``make storage``: measures storing messages and reading missed ones, on each database.

The command also compares this server with the original backend, which uses Prisma.
"""

import sys
from argparse import ArgumentParser, Namespace

from bench import busy_channel, missed_messages, sending_messages, storing_messages
from bench.failure import BenchError
from bench.machine import machine
from bench.sending_cases import CASES

STORING, BUSY, MISSED = "storing", "busy", "missed"


def main(arguments: list[str]) -> None:
    """Print the tables.

    Raises:
        BenchError: A program or package is missing, or a server failed.
    """
    asked = _parse(arguments)
    print(machine(), flush=True)
    cases = [CASES[name] for name in asked.only if name in CASES]
    if cases:
        print(f"\n{sending_messages.HEADING}", flush=True)
        for sent in sending_messages.compare(cases, asked.rounds):
            print(sent.row(), flush=True)
    if STORING in asked.only:
        print(f"\n{storing_messages.HEADING}", flush=True)
        for comparison in storing_messages.compare(asked.rounds):
            print(comparison.row(), flush=True)
    if BUSY in asked.only:
        print(f"\n{busy_channel.HEADING}", flush=True)
        for measured in busy_channel.measure():
            print(measured.row(), flush=True)
    if MISSED in asked.only:
        print(f"\n{missed_messages.HEADING}", flush=True)
        for found in missed_messages.find():
            print(found.row(), flush=True)


def _parse(arguments: list[str]) -> Namespace:
    known = [*CASES, STORING, BUSY, MISSED]
    parser = ArgumentParser(prog="make storage ARGS=...", description=__doc__)
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=known, help=", ".join(known)
    )
    parser.add_argument("--rounds", type=int, default=storing_messages.ROUNDS)
    asked = parser.parse_args(arguments)
    for name in set(asked.only) - set(known):
        parser.error(f"{name} is not one of {', '.join(known)}")
    return asked


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
