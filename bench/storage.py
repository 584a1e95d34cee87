"""``make storage``: what the databases cost, and whether the targets for them hold."""

import sys
from argparse import ArgumentParser, Namespace

from bench import missed, storing
from bench.failure import BenchError
from bench.machine import machine


def main(arguments: list[str]) -> int:
    """Print both tables and what misses its target; 1 if anything does.

    Raises:
        BenchError: Something is missing, or does not run.
    """
    asked = _parse(arguments)
    print(machine(), flush=True)
    misses = []
    if asked.only in {None, "storing"}:
        print(f"\n{storing.HEADING}", flush=True)
        for comparison in storing.compare(asked.rounds):
            print(comparison.row(), flush=True)
            wanted = storing.WANTED[comparison.database]
            if comparison.senders == storing.SENDERS[-1] and comparison.times < wanted:
                misses.append(f"{comparison.database} stores {comparison.times:.1f} times as many")
    if asked.only in {None, "missed"}:
        print(f"\n{missed.HEADING}", flush=True)
        for found in missed.find():
            print(found.row(), flush=True)
            if found.times > missed.WANTED:
                misses.append(f"{found.what} on {found.database} takes {found.times:.1f} times")
    print("\n" + ("; ".join(misses) or "Every target holds."))
    return int(bool(misses))


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make storage ARGS=...", description=__doc__)
    parser.add_argument("--only", choices=("storing", "missed"))
    parser.add_argument("--rounds", type=int, default=storing.ROUNDS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        sys.exit(str(error))
